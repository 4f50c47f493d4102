"""Uploaded pictures of single beats, whole: tracing, reading, data, training, evaluation."""
