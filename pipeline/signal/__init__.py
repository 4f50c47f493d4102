"""Filtering, signal quality, R peaks and beats."""
