"""The Evaluation page and its parts."""
