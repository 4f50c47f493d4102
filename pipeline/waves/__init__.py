"""Onsets, peaks and ends of the P, QRS and T waves, and what is measured between them."""
