"""Pages are bounded by rows and by bytes, whether or not the bytes have to be counted."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.backends.sqlite.appends import append, event
from twofold.backends.sqlite.log import SqliteLog

SIZE = 102
"""The bytes of each event: 100 of data and 2 of metadata."""


@pytest.fixture
async def log() -> AsyncIterator[SqliteLog]:
    log = SqliteLog(None)
    await log.open()
    await log.append([append(*(event(data=b"x" * 100) for _ in range(10)))])
    yield log
    await log.close()


@pytest.mark.parametrize(
    ("count_max", "bytes_max", "count"),
    [
        (10, 1 << 20, 10),
        (9, 1 << 20, 9),
        (100, 10 * SIZE, 10),
        (100, 10 * SIZE - 1, 9),
        (100, 1, 1),
        (1, 1, 1),
        (4, 3 * SIZE, 3),
    ],
)
async def test_a_page_holds_as_many_events_as_fit_and_says_if_there_are_more(
    log: SqliteLog, count_max: int, bytes_max: int, count: int
) -> None:
    page = await log.read(count_max=count_max, bytes_max=bytes_max)
    assert [row[0] for row in page.rows] == list(range(1, count + 1))
    assert (page.reached, page.full) == (count, count < 10)
