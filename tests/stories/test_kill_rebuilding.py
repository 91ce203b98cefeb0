"""Whoever rebuilds is killed at random moments, beside writers: what serves is the fold of the log, at every moment."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.stories.examination import positions
from tests.stories.processes import start
from tests.stories.till import SalesByAmount, TillView, rebuild, shop, work

SEED = 20260401


@pytest.mark.timeout(3600)
def test_a_rebuild_that_is_killed_beside_writers_spoils_nothing(store: str, campaign: bool) -> None:
    chance = random.Random(SEED)
    rounds = 50 if campaign else 4
    for day in range(rounds):
        writer, acknowledged = start(work, store, day)
        with acknowledged:
            acknowledged.recv()
            killed(store, chance, generation=4 if day == rounds - 1 else 2)
            writer.kill()
            writer.join()
        asyncio.run(positions(store))
    assert asyncio.run(settled(store)) == [True, True]
    head, level = asyncio.run(positions(store))
    assert level == [head, head]


def killed(store: str, chance: random.Random, *, generation: int) -> None:
    """Let a process rebuild for a while, at least up to this generation, and kill it."""
    process, heard = start(rebuild, store)
    with heard:
        for _ in range(chance.randrange(1, 20)):
            heard.recv()
        while heard.recv() < generation:
            pass
        heard.poll(chance.uniform(0, 0.02))
        process.kill()
    process.join()


async def settled(store: str) -> list[bool]:
    """Rebuild once more, with nobody in the way, and fold it all again to compare."""
    async with shop(store) as app:
        await app.rebuild(TillView, SalesByAmount)
        await app.settle()
        return [(await app.verify(model)).is_right for model in (TillView, SalesByAmount)]
