"""A printed 12-lead page as a whole: its traces, its beats, the network's picture of them, and one of four classes."""
