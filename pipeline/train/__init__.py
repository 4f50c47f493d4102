"""Data to weights and manifest."""
