"""A live signal: sources, a recording that survives a crash, and provisional classes of beats as they come."""
