"""Speed and accuracy, measured: each module prints a table."""
