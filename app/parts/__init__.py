"""The parts of the Analyse page, each drawn by one function."""
