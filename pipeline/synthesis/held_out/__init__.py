"""Kinds and styles that only the evaluation draws: training may not import them."""
