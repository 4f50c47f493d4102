"""Uploaded pictures of single beats: tracing, reading, data, training, evaluation."""
