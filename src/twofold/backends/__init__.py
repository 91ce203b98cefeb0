"""ONE ROOM PER DATABASE: each implements the ports with the same file names."""
