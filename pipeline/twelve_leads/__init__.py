"""Twelve leads read as a whole: leads that follow from others, what they measure, and what a network reads in them."""
