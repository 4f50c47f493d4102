"""Training of the detectors of rhythms and of noise."""
