"""Untrusted bytes to a `Recording` or a `BeatTrace`: limits first, one reader per format."""
