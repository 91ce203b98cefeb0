"""Several processes on one file: one order, nothing skipped, nothing twice."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.backends.sqlite.appends import outsider
from twofold.backends.sqlite.log import SqliteLog
from twofold.store.port import Row

EVENTS_PER_BATCH = 6


async def started(path: Path, name: int, batches: int) -> asyncio.subprocess.Process:
    module = ("-m", "tests.backends.sqlite.writer")
    return await asyncio.create_subprocess_exec(
        sys.executable, *module, str(path), str(name), str(batches), stdout=asyncio.subprocess.PIPE
    )


async def tailed(log: SqliteLog, count: int) -> list[Row]:
    """The first ``count`` events as a reader gets them who follows the log while it grows."""
    rows: list[Row] = []
    after = 0
    while len(rows) < count:
        await log.wait(after, timeout_seconds=30)
        page = await log.read(after=after, count_max=7)
        rows += page.rows
        after = page.reached
    return rows


@pytest.mark.timeout(300)
async def test_eight_processes_append_batches_while_a_reader_tails(tmp_path: Path, campaign: bool) -> None:
    batches, writers = 400 if campaign else 25, 8
    log = SqliteLog(tmp_path / "log.db")
    await log.open()
    # Somebody else's reading transaction stays open all the time, with the log as it was in the beginning.
    foreign = outsider(tmp_path / "log.db")
    foreign.execute("begin; select count(*) from events").fetchall()
    processes = [await started(tmp_path / "log.db", name, batches) for name in range(writers)]
    rows = await tailed(log, writers * batches * EVENTS_PER_BATCH)
    lasts = [int((await process.communicate())[0]) for process in processes]

    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert max(lasts) == len(rows) == (await log.head()).position
    for stream in ("shared-1", *(f"own-{name}" for name in range(writers))):
        versions = [row[2] for row in rows if row[1] == stream]
        assert versions == list(range(1, len(versions) + 1))
    # Both events of an append are neighbours: nobody came in between.
    assert all(row[1] != "shared-1" for row in rows[::2])
    assert all(row[1] == "shared-1" for row in rows[1::2])
    assert foreign.execute("select count(*) from events").get == 0
    foreign.close()
    await log.close()
