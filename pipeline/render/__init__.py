"""Beats to pictures: the image that the network sees and the clinician reads."""
