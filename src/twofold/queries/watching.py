"""Waiting until an answer may be another: told by this process, or found out from checkpoints that another one moves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from twofold.queries.changes import TableChanges
from twofold.queries.kept import Answered
from twofold.queries.sources import Sources

LOOK_SECONDS = 5.0
"""How long one wait may last: it bounds how long it goes unnoticed that another process has taken over, or the log's news fail."""

FIRST_SECONDS = 0.002
LAST_SECONDS = 0.25


async def moved(sources: Sources, changes: TableChanges, answered: Answered) -> None:
    """Return when rows behind an answer may have changed, or when there will be no more changes."""
    names = answered.checkpoints.keys()
    while not changes.closed:
        if sources.follower.tells(names):
            await changes.after(answered.count, answered.tables, timeout_seconds=LOOK_SECONDS)
            if changes.since(answered.count, answered.tables):
                return
        elif await _moved_elsewhere(sources, changes, answered):
            return


async def _moved_elsewhere(sources: Sources, changes: TableChanges, answered: Answered) -> bool:
    """Whether checkpoints have moved; at their place it waits for the log, behind it for them."""
    names, log, pause = answered.checkpoints.keys(), sources.moments.log, FIRST_SECONDS
    while not changes.closed and not sources.follower.tells(names):
        found = await sources.checkpoints(names)
        if found != answered.checkpoints:
            return True
        head = (await log.head()).position
        if sources.position(found) >= head:
            await _unless_closed(changes, log.wait(head, timeout_seconds=LOOK_SECONDS))
            pause = FIRST_SECONDS
        else:
            await _unless_closed(changes, asyncio.sleep(pause))
            pause = min(pause * 2, LAST_SECONDS)
    return False


async def _unless_closed(changes: TableChanges, waiting: Coroutine[Any, Any, object]) -> None:
    """Wait for the one or the other."""
    tasks = {asyncio.create_task(waiting), asyncio.create_task(changes.ended())}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # They are given up; how they ended is of no use.
