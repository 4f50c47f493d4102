"""Synthetic signals, drawings and pages: rhythms, noise, styles of pictures, and curves that are not beats."""
