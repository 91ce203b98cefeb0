"""Twofold: CQRS with event sourcing."""
