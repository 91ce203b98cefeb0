"""Whoever folds is killed at random moments: rows and checkpoints stay together, wherever they are kept."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.stories.examination import positions
from tests.stories.processes import start
from tests.stories.till import command_of, fold, shop

SEED = 20111209
COMMANDS = 600


@pytest.fixture(params=["beside", "in another database"])
def reads(request: pytest.FixtureRequest, store: str, tmp_path: Path) -> str | None:
    """Where the read models are: with the log, or in the other kind of database."""
    if request.param == "beside":
        return None
    url: str = request.getfixturevalue("postgres_url")
    return url if store.startswith("sqlite") else f"sqlite:///{tmp_path}/views.db"


@pytest.mark.timeout(3600)
def test_a_fold_that_is_killed_leaves_rows_and_checkpoints_together(
    store: str, reads: str | None, campaign: bool
) -> None:
    chance, stood = random.Random(SEED), set[int]()
    for day in range(200 if campaign else 3):
        asyncio.run(write(store, reads, day))
        killed(store, reads, chance)
        stood |= set(asyncio.run(positions(store, reads))[1])
    assert len(stood) > 1, "it was never killed under way"
    asyncio.run(settle(store, reads))
    head, level = asyncio.run(positions(store, reads))
    assert level == [head, head]


async def write(store: str, reads: str | None, day: int) -> None:
    """A backlog of several pages."""
    async with shop(store, reads, background=False) as app:
        commands = [command_of(f"{day}-{number}") for number in range(COMMANDS)]
        await asyncio.gather(*(app.send(command) for command in commands))


async def settle(store: str, reads: str | None) -> None:
    async with shop(store, reads) as app:
        await app.settle()


def killed(store: str, reads: str | None, chance: random.Random) -> None:
    """Let a process fold a few pages, or none, and kill it a little later."""
    process, heard = start(fold, store, reads)
    with heard:
        for _ in range(chance.randrange(5)):
            assert heard.recv() == "begun"
        heard.poll(chance.uniform(0, 0.02))
        process.kill()
    process.join()
