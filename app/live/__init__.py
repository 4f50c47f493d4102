"""The page Live: a signal while it comes."""
