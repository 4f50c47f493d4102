"""The 12-lead page: a printed ECG becomes a recording."""
