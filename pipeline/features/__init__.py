"""What a network reads of a recording: images of beats, or beats in their order as rows of numbers."""
