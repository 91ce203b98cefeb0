"""FOLLOW THE LOG: the engine that reads once and feeds every read model."""
