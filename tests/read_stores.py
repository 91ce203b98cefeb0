"""Read stores of each kind for the tests of the read side, and logs to fill them from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from twofold.backends.postgres.reads import PostgresReads
from twofold.backends.sqlite.reads import SqliteReads
from twofold.config import SqliteURL, parse_url
from twofold.messages import Event, Registry, name_of, version_of
from twofold.messages.codec import encode
from twofold.projections import ReadStore
from twofold.store.port import Append, EventStore, NewEvent
from twofold.testing.memory import MemoryLog
from twofold.testing.memory_reads import MemoryReads

KINDS = ["memory", "file", "postgres"]
DICTS = "dicts"

asking = pytest.mark.asyncio(loop_scope="module")
"""For tests that ask what one store holds for all of them."""


def read_store(url: str) -> ReadStore:
    """The read store behind a URL, not yet opened."""
    place = parse_url(url)
    if isinstance(place, SqliteURL):
        return SqliteReads(place.reads_path)
    return PostgresReads(place.dsn, schema=place.read_schema)


def url_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """A URL of one of ``KINDS``, or of plain dicts."""
    if kind == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return {DICTS: DICTS, "memory": "sqlite://"}.get(kind, f"sqlite:///{folder}/shop.db")


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[ReadStore]:
    """The read store behind a URL, for as long as the block lasts; ``DICTS`` for one that is none."""
    store: ReadStore = MemoryReads() if url == DICTS else read_store(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def statement(reads: Any, sql: str) -> list[Any]:
    """What a statement gives that is said to the database itself, past all that a read store does."""
    if isinstance(reads, SqliteReads):
        return await reads.database.run(lambda connection: connection.execute(sql).fetchall())
    async with reads._connections.connection() as connection:
        found: list[Any] = await connection.fetch(sql)
        return found


async def append(log: EventStore, stream: str, *events: Event) -> int:
    """Append to any log without a decider; the position of the last one."""
    new = tuple(new_event(stream, event, f"{stream}/{number}") for number, event in enumerate(events))
    await log.append([Append(new)])
    return (await log.head()).position


def new_event(stream: str, event: Event, event_id: str = "e") -> NewEvent:
    """An event on its way into a log."""
    metadata = encode({"event_id": event_id, "recorded_at": datetime(2000, 1, 1, tzinfo=UTC)})
    return NewEvent(stream, name_of(type(event)), version_of(type(event)), encode(event), metadata)


async def log_of(history: Sequence[tuple[str, Event]]) -> MemoryLog:
    """A log with one append for each event."""
    log = MemoryLog()
    for stream, event in history:
        await append(log, stream, event)
    return log


def registry_of(*events: type[Event]) -> Registry:
    return Registry(events=events)
