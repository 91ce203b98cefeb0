"""WHAT IS SAID: commands, events and queries, their names, and what is recorded with them."""
