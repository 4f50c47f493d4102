"""Untrusted bytes in, recordings and pictures out: limits first, one reader per format."""

from pipeline.intake.uploads import read_path

__all__ = ["read_path"]
