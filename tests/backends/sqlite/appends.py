"""Few words for what the tests of this room put into a log."""

from __future__ import annotations

from pathlib import Path

import apsw

from twofold.store.port import Append, NewEvent


def event(stream: str = "family-1", type: str = "Enrolled", *tags: str, data: bytes = b"{}") -> NewEvent:
    """An event with little in it."""
    return NewEvent(stream, type, 1, data, b"{}", tags)


def append(*events: NewEvent, key: str | None = None) -> Append:
    """An append without conditions."""
    return Append(events or (event(),), key=key)


def outsider(path: Path) -> apsw.Connection:
    """A connection as any other tool would make it: with SQLite's defaults, and without our settings."""
    connection = apsw.Connection(str(path))
    connection.execute("pragma recursive_triggers = off")
    return connection
