"""Where the public data comes from, and its statistics."""
