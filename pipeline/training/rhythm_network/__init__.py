"""Training of the networks that read beats in their order."""
