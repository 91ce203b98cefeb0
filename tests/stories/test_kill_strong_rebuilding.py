"""Whoever rebuilds strong read models is killed, beside writers: their rows are the whole log's, without any waiting."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from tests.stories.ledger import Balance, bank, must_be_the_fold_of_the_log, rebuild_until_killed, transfer_until_killed
from tests.stories.processes import start

SEED = 20260516


@pytest.mark.timeout(3600)
def test_strong_rows_are_the_fold_of_the_log_whenever_a_rebuild_is_killed(store: str, campaign: bool) -> None:
    chance = random.Random(SEED)
    asyncio.run(examine(store))  # It makes the tables.
    served = 0
    for _ in range(50 if campaign else 3):
        writers = [start(transfer_until_killed, store) for _ in range(2)]
        for _, heard in writers:
            heard.recv()
        served = max(served, killed(store, chance))
        for process, heard in writers:
            process.kill()
            process.join()
            heard.close()
        asyncio.run(examine(store))
    assert served > 2, "hardly anything was built between the kills"


def killed(store: str, chance: random.Random) -> int:
    """Let a process rebuild until something serves, and kill it at once, or in the next build; the number that serves."""
    process, heard = start(rebuild_until_killed, store)
    served = 0
    with heard, suppress(EOFError):
        while not served:
            number, what = heard.recv()
            served = number if what == "serves" else 0
        for _ in range(chance.randrange(4)):
            heard.recv()
        heard.poll(chance.uniform(0, 0.02))
        process.kill()
    process.join()
    return served


async def examine(url: str) -> None:
    """Nobody runs an engine here: what the rows hold, they hold from the appends and the switch themselves."""
    async with bank(url, background=False) as app:
        await must_be_the_fold_of_the_log(app)
        assert (await app.verify(Balance)).is_right
