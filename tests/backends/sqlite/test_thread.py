"""The writer's thread: one piece of work after the other, whatever becomes of those who asked for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from twofold.backends.sqlite.thread import WorkThread


@pytest.fixture
async def thread() -> AsyncIterator[WorkThread]:
    thread = WorkThread("test")
    yield thread
    thread.close()


class Work:
    """Work that has begun when ``begun`` is set, and goes on until ``leave`` is."""

    def __init__(self) -> None:
        self.begun, self.leave, self.ended = threading.Event(), threading.Event(), False

    def __call__(self) -> str:
        self.begun.set()
        self.leave.wait()
        self.ended = True
        return "done"


async def test_work_is_done_in_order(thread: WorkThread) -> None:
    done: list[int] = []
    await asyncio.gather(*(thread.run(lambda number=number: done.append(number)) for number in range(20)))  # type: ignore[misc]
    assert done == list(range(20))


async def test_an_error_is_its_callers_and_the_thread_goes_on(thread: WorkThread) -> None:
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    assert await thread.run(lambda: 1) == 1


async def test_work_that_has_begun_ends_and_is_told_of_though_its_caller_has_left(thread: WorkThread) -> None:
    work, told = Work(), asyncio.Event()
    caller = asyncio.create_task(thread.run(work, lambda result: told.set()))
    await asyncio.to_thread(work.begun.wait)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    work.leave.set()
    await told.wait()
    assert caller.cancelled()
    assert work.ended


async def test_work_whose_caller_has_left_before_never_begins(thread: WorkThread) -> None:
    first, second = Work(), Work()
    running = asyncio.create_task(thread.run(first))
    waiting = asyncio.create_task(thread.run(second))
    await asyncio.to_thread(first.begun.wait)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    first.leave.set()
    assert await running == "done"
    await thread.run(lambda: None)
    assert not second.begun.is_set()


async def test_closing_ends_the_thread_behind_what_was_queued() -> None:
    thread = WorkThread("test")
    running = asyncio.create_task(thread.run(lambda: "done"))
    await asyncio.sleep(0)
    thread.close()
    assert await running == "done"
    await asyncio.to_thread(thread._thread.join)
