"""The clinician's answer: decisions on beats, and everything that follows from them."""
