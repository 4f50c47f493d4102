"""From a picture of a 12-lead page to a recording: paper, grid, layout, calibration, traces."""
