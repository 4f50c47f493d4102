"""Benchmarks of speed and accuracy: each module prints a table."""
