"""The Worklist page and its parts."""
