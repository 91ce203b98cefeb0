"""FOLLOW THE LOG: one reader, pages, checkpoints and retries, for whoever takes events in order."""

from twofold.subscriptions.checkpoint import Checkpoint, disagreement, disagrees
from twofold.subscriptions.elsewhere import reach_elsewhere
from twofold.subscriptions.engine import Engine
from twofold.subscriptions.note import Note, note_of
from twofold.subscriptions.port import Advanced, Delivery, Fenced, Outcome, Stopped, Subscriber
from twofold.subscriptions.status import State, SubscriptionStatus

__all__ = [
    "Advanced",
    "Checkpoint",
    "Delivery",
    "Engine",
    "Fenced",
    "Note",
    "Outcome",
    "State",
    "Stopped",
    "Subscriber",
    "SubscriptionStatus",
    "disagreement",
    "disagrees",
    "note_of",
    "reach_elsewhere",
]
