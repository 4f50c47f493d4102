"""Helpers for every package: files written whole, fingerprints, provenance, progress."""
