"""COMMANDS → EVENTS: aggregates, boundaries, and the loop that loads, decides, appends and tries again."""

from twofold.deciders.aggregate import Aggregate, Boundary, decide, decides, snapshots
from twofold.deciders.receipt import Receipt

__all__ = ["Aggregate", "Boundary", "Receipt", "decide", "decides", "snapshots"]
