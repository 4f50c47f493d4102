"""File formats of one file each that need no question: an adapter per format around a well-kept library."""
