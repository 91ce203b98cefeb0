"""COMMANDS → EVENTS: aggregates, boundaries, and the loop that loads, decides, appends and tries again."""
