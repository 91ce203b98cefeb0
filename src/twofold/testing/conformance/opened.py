"""The ground of every part of the suite: an open log, and few words to say what goes into it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest
import pytest_asyncio

from twofold.store.criteria import Criteria
from twofold.store.port import Append, Appended, Condition, EventStore, NewEvent, Page, Row, Verdict

Logs: TypeAlias = Callable[[str], EventStore]
"""Gives an unopened log on the database of that name."""


@asynccontextmanager
async def opened(log: EventStore) -> AsyncGenerator[EventStore, None]:
    """The log, open inside the block."""
    await log.open()
    try:
        yield log
    finally:
        await log.close()


@pytest.mark.asyncio
class OnOneLog:
    """Gives each test ``log``: open, and empty at first."""

    @pytest.fixture
    def logs(self) -> Logs:
        raise NotImplementedError("Give the suite the fixture logs: see twofold.testing.conformance.")

    @pytest_asyncio.fixture
    async def log(self, logs: Logs) -> AsyncIterator[EventStore]:
        async with opened(logs("log")) as log:
            yield log


def event(stream: str, type: str = "Happened", *tags: str, data: bytes = b"{}", schema: int = 1) -> NewEvent:
    """An event with little in it."""
    return NewEvent(stream, type, schema, data, b'{"event_id":"1"}', tags)


def events(stream: str, count: int) -> tuple[NewEvent, ...]:
    """That many events of one stream, numbered in their data."""
    return tuple(event(stream, data=b'{"number":%d}' % number) for number in range(1, count + 1))


def append(*events: NewEvent, key: str | None = None, digest: bytes = b"body", **expected: int) -> Append:
    """An append that expects the streams ``x-1`` … at a version, written ``x_1=version``."""
    versions = {name.replace("_", "-"): version for name, version in expected.items()}
    return Append(events, expected=versions, key=key, digest=digest if key else b"")


def provided(*events: NewEvent, none: Criteria, after: int) -> Append:
    """An append on the condition that ``none`` of the events after that position match."""
    return Append(events, conditions=(Condition(none, after),))


async def verdict(log: EventStore, append: Append) -> Verdict:
    """What the log says to this append alone."""
    (verdict,) = await log.append([append])
    return verdict


async def filled(log: EventStore, *events: NewEvent) -> Appended:
    """Appends without any condition, which no log may refuse."""
    answer = await verdict(log, Append(events))
    assert isinstance(answer, Appended)
    return answer


async def whole(log: EventStore) -> list[Row]:
    """All rows of a log that fits into one page."""
    page = await log.read(count_max=100_000, bytes_max=1 << 30)
    assert not page.full
    return list(page.rows)


async def positions(log: EventStore) -> list[int]:
    return [row[0] for row in await whole(log)]


def versions(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Stream and version of each row."""
    return [(row[1], row[2]) for row in rows]


def told(page: Page) -> tuple[list[Row], int, bool]:
    """All that a page says."""
    return list(page.rows), page.reached, page.full
