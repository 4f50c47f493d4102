"""Filtering, quality, R peaks, beats."""
