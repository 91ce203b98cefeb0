"""The read models' server crashes without having synced what it said: rows and checkpoints are rewound together."""

from __future__ import annotations

import asyncio
import itertools
import random
from decimal import Decimal
from pathlib import Path

import pytest

from tests.co_op import PARTS, GetFamily, enroll, pay
from tests.own_server import Server, own_server
from tests.stories.examination import positions
from tests.stories.till import command_of, shop
from twofold import App, Receipt

SEED = 20110101

LAZY = """
wal_writer_delay = 10s           # Hardly anything that is not waited for has come to the disk when the crash comes.
checkpoint_timeout = 1h
"""


@pytest.mark.timeout(3600)
async def test_a_crash_rewinds_rows_and_checkpoints_together_and_the_log_makes_up_for_it(
    tmp_path: Path, campaign: bool
) -> None:
    chance, log, rewound = random.Random(SEED), f"sqlite:///{tmp_path}/log.db", 0
    with own_server(settings=LAZY) as server:
        for day in range(200 if campaign else 3):
            before = await crashed(server, log, day, chance)
            server.start()
            _, found = await positions(log, server.url)
            rewound += min(found) < min(before)
        async with shop(log, server.url) as app:
            await app.settle()
        head, level = await positions(log, server.url)
        assert level == [head, head]
    assert rewound, "everything had come to the disk, so nothing was tested"


async def test_an_app_that_runs_through_a_crash_catches_up_by_itself(tmp_path: Path) -> None:
    """What it remembers of its rows is ahead of the database that comes back."""
    log = f"sqlite:///{tmp_path}/log.db"
    with own_server(settings=LAZY) as server:
        async with shop(log, server.url) as app:
            for day in range(2):
                async with asyncio.TaskGroup() as working:
                    cashier = working.create_task(work(app, day))
                    await until(app, 50 * (day + 1))
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                    cashier.cancel()
            await app.settle()
        head, level = await positions(log, server.url)
        assert level == [head, head]


async def test_an_idle_app_whose_read_models_were_rewound_does_not_answer_from_before(tmp_path: Path) -> None:
    with own_server(settings=LAZY) as server:
        async with App(*PARTS, store=f"sqlite:///{tmp_path}/log.db", reads=server.url) as app:
            receipt = await app.send(enroll("f-1"))
            for amount in range(1, 21):
                receipt = await app.send(pay("f-1", "1"))
                assert await total(app, receipt) == amount
            await asyncio.to_thread(server.crash)
            await asyncio.to_thread(server.start)
            assert await total(app, receipt) == 20
            assert {each.position for each in await app.status()} == {21}


async def total(app: App, after: Receipt) -> Decimal:
    found = await app.ask(GetFamily(family_id="f-1"), after=after, wait_seconds=30)
    assert found is not None
    return found.total_paid


async def crashed(server: Server, log: str, day: int, chance: random.Random) -> list[int]:
    """Crash the server while an app folds what it sends. Where its read models had come to before."""
    async with shop(log, server.url) as app, asyncio.TaskGroup() as working:
        cashiers = [working.create_task(work(app, f"{day}-{number}")) for number in range(4)]
        await until(app, (await app.head()).position + chance.randrange(1, 200))
        before = [each.position for each in await app.status()]
        await asyncio.to_thread(chance.choice((server.kill, server.crash)))
        for cashier in cashiers:
            cashier.cancel()
    return before


async def work(app: App, cashier: object) -> None:
    """Send commands until cancelled."""
    for number in itertools.count():
        await app.send(command_of(f"{cashier}-{number}"))


async def until(app: App, position: int) -> None:
    """Return when every read model has come to a position."""
    while min(each.position for each in await app.status()) < position:
        await asyncio.sleep(0)
