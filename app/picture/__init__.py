"""The Picture page and its parts: pictures of single beats."""
