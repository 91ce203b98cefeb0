"""EVENTS → READ MODELS: rows as folds of the log."""
