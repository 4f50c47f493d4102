"""A 12-lead page as a picture becomes a recording: paper, grid, layout, calibration, traces."""
