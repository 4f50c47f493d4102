"""Analyses to files that other programs read."""
