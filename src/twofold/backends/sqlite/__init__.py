"""SQLite: one file for the log, a second one for the read models."""
