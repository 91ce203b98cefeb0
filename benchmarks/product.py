"""Our own side: the app in a room, and callers that send to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from time import perf_counter
from typing import TypeVar

from benchmarks.domain import EnrollFamily, Family, Holding, Keeper
from benchmarks.rooms import Room
from twofold import App, Command

T = TypeVar("T")

STREAMS_PER_CALLER = 16


def app(room: Room) -> App:
    """The app that every claim uses: writers only, so that no read model works in the background."""
    return App(Family, Keeper, Holding, store=room.url)


async def enroll(app: App, families: list[str]) -> None:
    """Give each family its first event, which also brings its state into the cache."""
    await asyncio.gather(*(app.send(EnrollFamily(family_id=each, family_name="Larsson")) for each in families))


async def send_for(app: App, seconds: float, callers: Sequence[Sequence[Command]]) -> float:
    """Sends per second of callers that send their commands round and round, each waiting for its answer."""
    began = perf_counter()
    deadline = began + seconds
    counts = await asyncio.gather(*(_caller(app, cycle(commands), deadline) for commands in callers))
    return sum(counts) / (perf_counter() - began)


async def _caller(app: App, commands: Iterator[Command], deadline: float) -> int:
    sent = 0
    while perf_counter() < deadline:
        await app.send(next(commands))
        sent += 1
    return sent


async def latencies(app: App, seconds: float, commands: Sequence[Command]) -> list[float]:
    """What one caller waits for each answer, in microseconds."""
    found: list[float] = []
    deadline = perf_counter() + seconds
    for command in cycle(commands):
        began = perf_counter()
        await app.send(command)
        now = perf_counter()
        found.append((now - began) * 1e6)
        if now > deadline:
            break
    return found


def families(callers: int) -> list[list[str]]:
    """Streams for so many callers, each with its own."""
    return [[f"f-{caller}-{number}" for number in range(STREAMS_PER_CALLER)] for caller in range(callers)]


def flat(lists: Iterable[Iterable[T]]) -> list[T]:
    return [item for items in lists for item in items]
