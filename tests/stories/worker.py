"""A process whose read model meets an event that it cannot take, until somebody mends the fold."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection

from twofold import Aggregate, App, Command, Event, Indexed, Key, ReadModel, decide, evolve
from twofold.errors import BehindError

CANNOT_TAKE = {666}
"""Numbers that the fold of this process cannot take."""


class Count(Command):
    counter: str
    number: int
    topic: str = ""


class Counted(Event):
    number: int
    topic: str = ""


class Counter(Aggregate):
    counter: Key[str]

    @decide
    def count(self, command: Count) -> Counted:
        return Counted.of(command)


class CounterView(ReadModel):
    counter: Key[str]
    total: Indexed[int] = 0

    @evolve
    def counted(self, event: Counted) -> None:
        if event.number in CANNOT_TAKE:
            raise ValueError(f"{event.number} is no number for me")
        self.total += event.number


class EventCount(ReadModel):
    number: Key[int]
    times: int = 0

    @evolve
    def counted(self, event: Counted) -> None:
        self.times += 1


def counters(url: str, *, background: bool = False) -> App:
    return App(Counter, CounterView, EventCount, store=url, background=background, parked_max=0)


def run(said: Connection, url: str, *, mended: bool) -> None:
    """Run the read models as far as they go, and say what was in the way."""
    if mended:
        CANNOT_TAKE.clear()
    said.send(asyncio.run(_run(url)))


async def _run(url: str) -> str:
    async with counters(url, background=True) as app:
        try:
            await app.settle()
        except BehindError as error:
            return str(error)
    return ""
