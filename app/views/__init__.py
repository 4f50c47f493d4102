"""One page, one script, read from top to bottom."""
