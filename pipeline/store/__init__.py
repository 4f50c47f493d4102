"""What is stored on disk between runs."""
