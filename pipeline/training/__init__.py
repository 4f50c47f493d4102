"""From data to weights and manifest: image networks, the rhythm network, the choice of R peaks."""
