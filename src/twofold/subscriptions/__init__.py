"""FOLLOW THE LOG: one reader, pages, checkpoints and retries, for whoever takes events in order."""

from twofold.subscriptions.checkpoint import Checkpoint, disagreement, disagrees
from twofold.subscriptions.elsewhere import reach_elsewhere
from twofold.subscriptions.engine import Engine
from twofold.subscriptions.leases import Board, Lease, Leases, Report, Verb, Wish
from twofold.subscriptions.note import Note, note_of
from twofold.subscriptions.port import Advanced, Delivery, Fenced, Outcome, Stopped, Subscriber
from twofold.subscriptions.sharing import shares
from twofold.subscriptions.status import State, SubscriptionStatus
from twofold.subscriptions.worker import Worker

__all__ = [
    "Advanced",
    "Board",
    "Checkpoint",
    "Delivery",
    "Engine",
    "Fenced",
    "Lease",
    "Leases",
    "Note",
    "Outcome",
    "Report",
    "State",
    "Stopped",
    "Subscriber",
    "SubscriptionStatus",
    "Verb",
    "Wish",
    "Worker",
    "disagreement",
    "disagrees",
    "note_of",
    "reach_elsewhere",
    "shares",
]
