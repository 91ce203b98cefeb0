"""Few words for the tests of this room: what they put into a log, and who comes to the database beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import asyncpg

from twofold.backends.postgres.log import PostgresLog
from twofold.config import PostgresURL
from twofold.store.port import Append, Appended, NewEvent

Outsider: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


def event(stream: str = "family-1", type: str = "Enrolled", *tags: str, data: bytes = b"{}") -> NewEvent:
    """An event with little in it."""
    return NewEvent(stream, type, 1, data, b"{}", tags)


def append(*events: NewEvent, key: str | None = None, **expected: int) -> Append:
    """An append that expects the streams ``family-1`` … at a version, written ``family_1=version``."""
    versions = {name.replace("_", "-"): version for name, version in expected.items()}
    return Append(events or (event(),), versions, key=key, digest=b"body" if key else b"")


async def appended(log: PostgresLog, *appends: Append) -> list[Appended]:
    """The answers to appends that nobody may refuse."""
    verdicts = await log.append(appends)
    assert all(isinstance(verdict, Appended) for verdict in verdicts), verdicts
    return [verdict for verdict in verdicts if isinstance(verdict, Appended)]


@asynccontextmanager
async def opened(*logs: PostgresLog) -> AsyncGenerator[None]:
    """The logs, open inside the block."""
    async with AsyncExitStack() as stack:
        for log in logs:
            stack.push_async_callback(log.close)
            await log.open()
        yield


@asynccontextmanager
async def outsider(place: PostgresURL) -> AsyncGenerator[Outsider]:
    """A connection as any other tool would make it, which sees the log's schema."""
    connection = await asyncpg.connect(place.dsn, server_settings={"search_path": place.schema})
    try:
        yield connection
    finally:
        await connection.close()


def log_at(place: PostgresURL, **options: float) -> PostgresLog:
    return PostgresLog(place.dsn, schema=place.schema, **options)  # type: ignore[arg-type]  # only numbers are passed


async def blocked(beside: Outsider, place: PostgresURL) -> int:
    """The server process of the log's append that waits for a lock, as soon as there is one."""
    while True:
        await beside.execute("select pg_stat_clear_snapshot()")  # A transaction sees who was there at its first look.
        process: int | None = await beside.fetchval(
            "select pid from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'",
            f"twofold append {place.schema}",
        )
        if process is not None:
            return process
