"""kill -9 while strong read models are written: rows and log are of one moment, whenever that was."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.stories.ledger import bank, must_be_the_fold_of_the_log, transfer_until_killed
from tests.stories.processes import start

SEED = 20210527


@pytest.mark.timeout(3600)
def test_the_rows_are_the_fold_of_the_log_after_every_kill(store: str, campaign: bool) -> None:
    chance = random.Random(SEED)
    acknowledged = 0
    for _ in range(200 if campaign else 6):
        acknowledged = max(acknowledged, killed(store, chance.choice((0, 1, chance.randrange(100)))))
        asyncio.run(examine(store, acknowledged))
    assert acknowledged > 100, "hardly anything was done between the kills"


def killed(url: str, wanted: int) -> int:
    """Kill a process after so many acknowledgements; the newest position that it acknowledged."""
    process, heard = start(transfer_until_killed, url)
    with heard:
        positions = [heard.recv() for _ in range(wanted)]
        process.kill()
        process.join()
        while heard.poll():
            try:
                positions.append(heard.recv())
            except EOFError:
                break
    return max(positions, default=0)


async def examine(url: str, acknowledged: int) -> None:
    """Nobody runs an engine here: what the rows hold, they hold from the appends themselves."""
    async with bank(url, background=False) as app:
        assert (await app.head()).position >= acknowledged
        await must_be_the_fold_of_the_log(app)
