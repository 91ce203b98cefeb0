"""A build that a worker of another process helps with, and is killed while it does: the rows are those of a fresh fold."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

from tests.read_stores import new_event
from tests.stories.fresh_fold import must_be_fresh
from tests.stories.processes import start
from tests.stories.raffle import STANDS, StandView, TicketSold, follow, raffle
from twofold import App
from twofold.projections.shares import GAP_MAX
from twofold.store.port import Append

EVENTS = GAP_MAX // 2 + 10_000
"""As many as are worth sharing, and a few more."""


async def fill(app: App) -> None:
    events = (new_event(f"stand-s{n % STANDS}", TicketSold(number=n), f"e-{n}") for n in range(EVENTS))
    while batch := tuple(islice(events, 5000)):
        await app.log.append([Append(batch)])


async def test_a_worker_that_is_killed_while_it_helps_is_made_up_for(store: str) -> None:
    async with raffle(store, background=False) as app:
        await fill(app)
        hand, heard = start(follow, store, "shared")
        heard.recv()
        await app.control.wait(timeout_seconds=60)
        building = asyncio.create_task(app.rebuild(StandView))
        assert await _helped(app, building), "it did nothing"
        hand.kill()
        hand.join()
        await building
        await must_be_fresh(store, app.registry, level=True)


async def _helped(app: App, building: asyncio.Task[Any]) -> bool:
    """Whether another process has come to hold a share before it was built."""
    while not building.done():
        board = await app.control.board()
        holders = {board.holder(name) for name in board.leases if "@" in name and "#" in name}
        if holders - {None, app.worker_id}:
            return True
        await asyncio.sleep(0.005)
    return False
