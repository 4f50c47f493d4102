"""The Analyse page and its parts."""
