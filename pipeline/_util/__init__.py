"""What every package may use: files written whole, fingerprints, provenance, progress."""
