"""Twofold: CQRS with event sourcing. Two models, one log, and everything between them is a fold.

what is said        Command, Event, Query, Key, Tag, Indexed, Searchable, stored_as, upcasts
commands → events   Aggregate, Boundary, decide, decides, by, evolve, snapshots, Rejected
events → rows       ReadModel, evolve, indexed, by, by_stream, grouped, strong, partitioned, keeps_rows, REMOVED; App.rows: RowChange, AllRows
questions → answers answers, Reader, Page, Answer
all together        App, Receipt; twofold.sync for scripts; twofold.testing for tests
what went wrong     TwofoldError and everything below it, in twofold.errors
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twofold.app import App
    from twofold.deciders import Aggregate, Boundary, Receipt, decide, decides, snapshots
    from twofold.errors import BehindError, ConflictError, FeedBrokenError, NotFoundError, Rejected, TwofoldError
    from twofold.messages import (
        Command,
        Event,
        Indexed,
        Key,
        Metadata,
        OpaqueEvent,
        Query,
        Recorded,
        Searchable,
        Tag,
        Upcaster,
        by,
        evolve,
        stored_as,
        upcasts,
    )
    from twofold.projections import (
        REMOVED,
        AllRows,
        ReadModel,
        Removed,
        RowChange,
        SetProjection,
        Writer,
        by_stream,
        grouped,
        indexed,
        keeps_rows,
        partitioned,
        projects,
        strong,
    )
    from twofold.queries import Answer, Page, Reader, answers
    from twofold.store.criteria import Criteria

__all__ = [
    "REMOVED",
    "Aggregate",
    "AllRows",
    "Answer",
    "App",
    "BehindError",
    "Boundary",
    "Command",
    "ConflictError",
    "Criteria",
    "Event",
    "FeedBrokenError",
    "Indexed",
    "Key",
    "Metadata",
    "NotFoundError",
    "OpaqueEvent",
    "Page",
    "Query",
    "ReadModel",
    "Reader",
    "Receipt",
    "Recorded",
    "Rejected",
    "RowChange",
    "Searchable",
    "Removed",
    "Tag",
    "SetProjection",
    "TwofoldError",
    "Upcaster",
    "Writer",
    "answers",
    "by",
    "by_stream",
    "decide",
    "decides",
    "evolve",
    "grouped",
    "projects",
    "indexed",
    "keeps_rows",
    "partitioned",
    "snapshots",
    "stored_as",
    "strong",
    "upcasts",
]

_HOMES = {
    "twofold.app": "App",
    "twofold.deciders": "Aggregate Boundary Receipt decide decides snapshots",
    "twofold.errors": "BehindError ConflictError FeedBrokenError NotFoundError Rejected TwofoldError",
    "twofold.messages": "Command Event Indexed Key Metadata OpaqueEvent Query Recorded Searchable Tag Upcaster by evolve stored_as upcasts",
    "twofold.projections": "REMOVED AllRows ReadModel RowChange Removed SetProjection Writer by_stream grouped projects indexed keeps_rows partitioned strong",
    "twofold.queries": "Answer Page Reader answers",
    "twofold.store.criteria": "Criteria",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for: a test plugin or ``twofold --help`` does not pay for a database."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'twofold' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
