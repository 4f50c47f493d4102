"""Kinds and styles that only the evaluation draws: training must not import them."""
