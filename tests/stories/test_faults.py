"""Processes that are killed, frozen and cut off while keys are parked: all that is kept equals a fresh fold of the log."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

import asyncpg
import pytest

from tests.own_server import own_server
from tests.stories.fresh_fold import must_be_fresh, must_be_level
from tests.stories.processes import Hand, start
from tests.stories.raffle import command_of, follow, raffle, rebuild, sell, trade
from twofold import App
from twofold.errors import StoreError

SEED = 20250301
BATCH = 30


@contextmanager
def at_work(*hands: tuple[ForkServerProcess, Connection]) -> Generator[list[Hand]]:
    """These processes, from when each has said that it has begun; whoever is in the list at the end is killed."""
    found = [Hand(*hand) for hand in hands]
    try:
        for hand in found:
            hand.heard.recv()
        yield found
    finally:
        for hand in found:
            hand.kill()


@pytest.mark.timeout(7200)
async def test_a_follower_that_is_killed_at_random_moments(store: str, campaign: bool) -> None:
    chance, numbers = random.Random(SEED), count()
    async with raffle(store, background=False) as app:
        for _ in range(500 if campaign else 5):
            follower = Hand(*start(follow, store, True))
            if chance.random() < 0.9:  # Or it is killed while it starts.
                follower.heard.recv()
            selling = asyncio.create_task(sell(app, numbers, BATCH))
            await asyncio.sleep(chance.uniform(0, 0.05))
            follower.kill()
            await selling
            await must_be_fresh(store, app.registry)
        with at_work(start(follow, store, True)):
            await must_be_level(app, store)


@pytest.mark.timeout(7200)
async def test_of_two_that_run_the_same_one_is_frozen_and_wakes_up_late(store: str, campaign: bool) -> None:
    """Nobody shares anything out here: only the compare-and-set of checkpoints keeps them apart."""
    chance, numbers = random.Random(SEED), count()
    async with raffle(store, background=False) as app:
        with at_work(start(follow, store, True), start(follow, store, True)) as hands:
            for _ in range(100 if campaign else 4):
                frozen = chance.choice(hands)
                selling = asyncio.create_task(sell(app, numbers, BATCH))
                await asyncio.sleep(chance.uniform(0, 0.02))
                frozen.send(signal.SIGSTOP)
                await selling
                await asyncio.sleep(chance.uniform(0, 0.1))
                frozen.send(signal.SIGCONT)
                await sell(app, numbers, BATCH)
                await must_be_fresh(store, app.registry)
            await must_be_level(app, store)


@pytest.mark.timeout(7200)
def test_a_rebuild_that_is_killed_beside_four_writers(store: str, campaign: bool) -> None:
    asyncio.run(_rebuilt(store, random.Random(SEED), 200 if campaign else 2))


async def _rebuilt(store: str, chance: random.Random, rounds: int) -> None:
    async with raffle(store, background=False) as app:
        for turn in range(rounds):
            writers = [start(trade, store, 1_000_000 * turn + 1000 * number) for number in range(4)]
            with at_work(*writers, start(follow, store, True), start(rebuild, store)) as hands:
                for _ in range(chance.randrange(1, 20)):
                    hands[-1].heard.recv()
                hands[-1].heard.poll(chance.uniform(0, 0.02))
                hands[-1].kill()
            await must_be_fresh(store, app.registry)  # With nobody at work: looking takes the longer the more there is.
        await app.rebuild("stand_view", "drum", "takings")
        await app.settle()
        await must_be_fresh(store, app.registry, level=True)


@pytest.mark.timeout(7200)
async def test_an_app_whose_backends_are_terminated(campaign: bool) -> None:
    chance, numbers = random.Random(SEED), count()
    with own_server() as server:
        administrator = await asyncpg.connect(server.url)
        async with raffle(server.url) as app:
            for _ in range(100 if campaign else 4):
                async with asyncio.TaskGroup() as working:
                    working.create_task(insist(app, [next(numbers) for _ in range(BATCH)]))
                    for _ in range(chance.randrange(1, 4)):
                        await asyncio.sleep(chance.uniform(0, 0.05))
                        await administrator.fetchval(TERMINATE, chance.choice([1, 3, 100]))
                await until_done(partial(app.control.wait, timeout_seconds=60))
                await must_be_fresh(server.url, app.registry, level=True)
            await until_done(lambda: must_be_level(app, server.url))
        await administrator.close()


TERMINATE = """
select count(pg_terminate_backend(pid))
from (select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()
      order by random() limit $1) as chosen
"""


async def insist(app: App, numbers: list[int]) -> None:
    """Send these commands until each has its answer."""

    async def send(number: int) -> None:
        await until_done(lambda: app.send(command_of(number), command_id=f"c-{number}"))

    await asyncio.gather(*map(send, numbers))


async def until_done(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Do it again as long as a connection turns out to be gone."""
    while True:
        try:
            await work()
            return
        except StoreError:
            await asyncio.sleep(0.01)
