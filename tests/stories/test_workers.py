"""Several workers on one store, killed and frozen at random: each read model goes on, and its rows are the fold of the log."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Literal

import pytest

from tests.stories.examination import positions
from tests.stories.processes import Hand, start
from tests.stories.till import command_of, follow, shop
from twofold import App
from twofold.errors import StoreUnavailableError
from twofold.subscriptions import Board

SEED = 20260917
NAMES = ("sales_by_amount", "till_view")
COMMANDS = 40


def hired(store: str, background: bool | Literal["shared"] = "shared") -> Hand:
    process, heard = start(follow, store, background)
    return Hand(process, heard, heard.recv())


@contextmanager
def crew(store: str, size: int) -> Generator[list[Hand]]:
    """So many workers; whoever is in the list at the end is dismissed."""
    hands = [hired(store) for _ in range(size)]
    try:
        yield hands
    finally:
        for hand in hands:
            hand.kill()


async def until(app: App, holds: Callable[[Board], bool]) -> None:
    while not holds(await app.control.board()):
        await asyncio.sleep(0.01)


def owners(board: Board) -> list[str | None]:
    return [board.holder(name) for name in NAMES]


def taken_from(worker: str) -> Callable[[Board], bool]:
    """Whether others run everything."""
    return lambda board: worker not in owners(board) and None not in owners(board)


async def is_replaced(app: App, worker: str) -> bool:
    """Wait until others run everything. False where that worker was frozen while it wrote to SQLite: nobody else can, then."""
    while not taken_from(worker)(await app.control.board()):
        try:
            await app.control._leases.unwish("nothing", ["pause"])
        except StoreUnavailableError:
            return False
        await asyncio.sleep(0.01)
    return True


async def write(app: App, numbers: Iterator[int]) -> None:
    commands = (command_of(f"c-{next(numbers)}") for _ in range(COMMANDS))
    await asyncio.gather(*(app.send(command) for command in commands))


async def in_order(store: str) -> None:
    """Rows are what the log up to their checkpoint adds up to."""
    await positions(store)


async def settled(store: str, app: App) -> None:
    """Everything is level, by the workers alone."""
    await app.control.wait(timeout_seconds=60)
    head, level = await positions(store)
    assert level == [head, head]


@pytest.mark.timeout(3600)
async def test_workers_that_are_killed_are_replaced_and_nothing_is_folded_twice_or_skipped(
    store: str, campaign: bool
) -> None:
    chance, numbers = random.Random(SEED), count()
    async with shop(store, background=False) as app:
        with crew(store, 3) as hands:
            for _ in range(500 if campaign else 5):
                await until(app, lambda board: None not in owners(board))
                writing = asyncio.create_task(write(app, numbers))
                await asyncio.sleep(chance.uniform(0, 0.05))
                victim = chance.randrange(len(hands))
                hands[victim].kill()
                await writing
                await in_order(store)
                hands[victim] = hired(store)
            await settled(store, app)


@pytest.mark.timeout(3600)
async def test_a_worker_that_is_frozen_beyond_its_lease_is_late_when_it_wakes_up(store: str, campaign: bool) -> None:
    chance, numbers = random.Random(SEED), count()
    async with shop(store, background=False) as app:
        with crew(store, 2) as hands:
            for _ in range(100 if campaign else 3):
                await until(app, lambda board: None not in owners(board))
                frozen = chance.choice(hands)
                writing = asyncio.create_task(write(app, numbers))
                await asyncio.sleep(chance.uniform(0, 0.02))
                frozen.send(signal.SIGSTOP)
                await writing
                if await is_replaced(app, frozen.id):
                    await app.control.wait(timeout_seconds=60)
                frozen.send(signal.SIGCONT)
                await write(app, numbers)
                await in_order(store)
            await settled(store, app)


async def test_two_that_are_forced_onto_the_same_read_models_do_no_harm(store: str, campaign: bool) -> None:
    numbers = count()
    async with shop(store, background=False) as app:
        hands = [hired(store, True), hired(store, True), hired(store)]
        try:
            for _ in range(50 if campaign else 5):
                await write(app, numbers)
                await in_order(store)
            await settled(store, app)
        finally:
            for hand in hands:
                hand.kill()


async def test_workers_share_and_whoever_is_told_to_stop_leaves_at_once(store: str) -> None:
    async with shop(store, background=False) as app:
        with crew(store, 2) as hands:
            await until(app, lambda board: set(owners(board)) == {hand.id for hand in hands})
            await app.control.pause("till_view")
            before = {each.name: each.state for each in await app.status()}
            assert before == {"sales_by_amount": "running", "till_view": "paused"}
            await app.control.resume("till_view")
            await write(app, count())
            await settled(store, app)


async def test_a_rebuild_that_is_wished_for_survives_the_worker_that_does_it(store: str) -> None:
    async with shop(store, background=False) as app:
        await write(app, count())
        with crew(store, 2) as hands:
            await app.control.wait(timeout_seconds=60)
            await app.control.wish_rebuild("till_view", app.rollout.code("till_view"), switch=True)
            hands[0].kill()
            hands[0] = hired(store)
            while not (await app.rollout.standings()) or (await app.rollout.standings())["till_view"].generation == 1:
                await asyncio.sleep(0.01)
            await settled(store, app)
