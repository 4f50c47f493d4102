"""What twelve leads show together: derived leads, median beats, measured statements and diagnostic classes."""
