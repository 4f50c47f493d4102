"""Whole archives of recordings, analysed on one machine or a cluster, and kept as tables that any program reads."""
