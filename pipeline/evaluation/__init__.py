"""EC57 matching, metrics with confidence intervals, calibration, splits."""
