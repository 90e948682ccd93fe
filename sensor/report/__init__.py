"""What was seen, for a person at a terminal."""
