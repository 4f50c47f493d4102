"""What the pages show: an analysed recording, and a study of it with all that follows from its decisions."""
