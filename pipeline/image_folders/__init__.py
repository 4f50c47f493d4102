"""Folders of labelled pictures, whole: what is in them, copies, training, runs."""
