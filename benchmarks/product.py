"""Our own side: the app in a room, and callers that send to it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter
from typing import TypeVar

from benchmarks.domain import EnrollFamily, Family, Holding, Keeper
from benchmarks.rooms import Room
from twofold import App, Command
from twofold.store.port import Append, Verdict

T = TypeVar("T")

STREAMS_PER_CALLER = 16


def app(room: Room) -> App:
    """The app that every claim uses: writers only, so that no read model works in the background."""
    return App(Family, Keeper, Holding, store=room.url)


async def enroll(app: App, families: list[str]) -> None:
    """Give each family its first event, which also brings its state into the cache."""
    await send_each(app, [EnrollFamily(family_id=each, family_name="Larsson") for each in families])


async def send_each(app: App, commands: Sequence[Command]) -> None:
    """Send them all at once, each one time."""
    await asyncio.gather(*map(app.send, commands))


@dataclass
class Flushes:
    """How many batches the app gave to its store, and how many appends were in them."""

    batches: int = 0
    appends: int = 0

    @property
    def size(self) -> int:
        """Appends in a batch, on average."""
        return round(self.appends / self.batches)


@contextmanager
def counted(app: App) -> Generator[Flushes]:
    """Count flushes at the door of the log: what group commit made of the callers is seen nowhere else."""
    found, append = Flushes(), app.log.append

    async def counting(batch: Sequence[Append]) -> list[Verdict]:
        found.batches += 1
        found.appends += len(batch)
        return await append(batch)

    setattr(app.log, "append", counting)  # noqa: B010 - a method of this one object, which a type checker refuses
    try:
        yield found
    finally:
        delattr(app.log, "append")


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
