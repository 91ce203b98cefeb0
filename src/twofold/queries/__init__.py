"""QUESTIONS → ANSWERS: typed queries over the rows of read models."""
