"""What a printed 12-lead page says as a whole: traces, beats, the network's picture of them, one of four classes."""
