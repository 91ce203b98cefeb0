"""A crash may rewind what a subscriber keeps: nobody relies on what was seen before until it was looked at again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.read_stores import append
from tests.subscriptions.notebook import AWAY, RANG, Notebook, Rang, engine
from twofold.errors import BehindError
from twofold.store.port import Page
from twofold.subscriptions import Checkpoint, Engine
from twofold.subscriptions.member import Member
from twofold.testing.memory import MemoryLog


@pytest.fixture
async def log() -> MemoryLog:
    log = MemoryLog()
    await append(log, "bell-1", *(Rang(number=number) for number in range(3)))
    return log


@pytest.fixture
def notebook() -> Notebook:
    return Notebook(all=RANG)


@pytest.fixture
async def level(log: MemoryLog, notebook: Notebook) -> AsyncIterator[Engine]:
    """An engine that is at the head and has nothing to do."""
    runner = engine(log, notebook)
    await runner.start()
    await runner.settle()
    yield runner
    notebook.gate.set()  # Where a test has failed it may be shut, and a stop would wait for it.
    await runner.stop()


class InterruptedLog(MemoryLog):
    """Something happens during the next read."""

    happening: Callable[[], None] | None = None

    async def read(self, **wanted: Any) -> Page:
        if self.happening is not None:
            happening, self.happening = self.happening, None
            happening()
        return await super().read(**wanted)


async def rewound(log: MemoryLog, notebook: Notebook) -> None:
    head = await log.head()
    notebook.kept["all"] = Checkpoint(1, head.store_id, head.epoch, 1, "bell-1/0")


async def test_what_was_lost_is_made_again_though_nothing_new_happens(
    log: MemoryLog, notebook: Notebook, level: Engine
) -> None:
    await rewound(log, notebook)
    level.doubt()
    await level.reach(["all"], 3, timeout_seconds=30)
    assert notebook.seen["all"] == [1, 2, 3, 2, 3]


async def test_nobody_is_told_that_it_is_there_before_it_was_looked_at_again(
    log: MemoryLog, notebook: Notebook, level: Engine
) -> None:
    await rewound(log, notebook)
    notebook.gate.clear()
    level.doubt()
    with pytest.raises(BehindError):
        await level.reach(["all"], 3, timeout_seconds=0)
    waiting = asyncio.create_task(level.reach(["all"], 3, timeout_seconds=30))
    notebook.gate.set()
    await waiting
    assert notebook.kept["all"].position == 3


async def test_a_doubt_that_comes_before_somebody_has_heard_makes_him_wait_on() -> None:
    member = Member("all", RANG, Checkpoint(0, "log", 1))
    waiting = asyncio.create_task(member.reach(1, timeout_seconds=30))
    await asyncio.sleep(0)
    member.advance(there := Checkpoint(1, "log", 1, 1, "bell-1/0"))
    member.doubt = object()
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    with pytest.raises(BehindError, match="where it stands is being looked at again"):
        await member.reach(1, timeout_seconds=0)
    member.doubt = None
    member.advance(there)
    assert await waiting


async def test_where_nothing_was_lost_nothing_is_made_again(notebook: Notebook, level: Engine) -> None:
    level.doubt()
    await level.reach(["all"], 3, timeout_seconds=30)
    assert notebook.seen["all"] == [1, 2, 3]


async def test_an_idle_engine_says_that_the_database_is_away(notebook: Notebook, level: Engine) -> None:
    notebook.looks_fail = [AWAY] * 3
    level.doubt()
    while level.status()[0].state != "retrying":
        await asyncio.sleep(0)
    await level.reach(["all"], 3, timeout_seconds=30)
    assert level.status()[0].state == "running"


async def test_a_crash_while_an_engine_starts_is_noticed(notebook: Notebook) -> None:
    log = InterruptedLog()
    await append(log, "bell-1", *(Rang(number=number) for number in range(3)))
    await engine(log, notebook).settle()
    head, runner = await log.head(), engine(log, notebook)

    def crash() -> None:
        notebook.kept["all"] = Checkpoint(1, head.store_id, head.epoch, 1, "bell-1/0")
        runner.doubt()

    log.happening = crash
    await runner.start()
    await runner.reach(["all"], 3, timeout_seconds=30)
    await runner.stop()
    assert notebook.kept["all"].position == 3
