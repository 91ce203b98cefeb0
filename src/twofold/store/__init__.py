"""WHERE IT IS KEPT: the port of the log, append conditions, criteria, and group commit."""
