"""A simulated world: its databases, its machines, and what befalls them; all from one seed."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
from collections import deque
from collections.abc import Coroutine
from functools import partial
from random import Random
from typing import Any

import msgspec

from tests.simulation.clocks import WallClock
from tests.simulation.databases import Databases
from tests.simulation.loop import HOST, Host, Loop
from tests.simulation.network import Line, Weather
from tests.simulation.oracle import Oracle
from tests.simulation.reads import Kept
from tests.simulation.tracks import State
from twofold.messages import Command
from twofold.projections.generations import Generation


class Order(msgspec.Struct, frozen=True):
    """A command that somebody outside wants done, however often he must ask."""

    id: str
    command: Command


class World:
    """Everything that a run is made of."""

    def __init__(self, seed: int, *, traced: bool = True) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.loop = Loop()
        self.weather = Weather()
        self.clock = WallClock(self.loop.time)
        self.wall_clocks: dict[str, WallClock] = {}
        self.databases = Databases(self.clock)
        self.gap_max = self.chance.choice([0, 2, 200])
        self.oracle = Oracle(self.databases, self.gap_max)
        self.orders: deque[Order] = deque()
        self.open_orders = 0
        self.rewinds = 0
        self.may_rewind = True
        self._traced = traced
        self._older: list[tuple[Kept, State]] = []
        self._trace: list[tuple[float, str, str, str]] = []
        self.databases.reads.flush = self._forget_older

    def line(self, host: str, quick_seconds: float) -> Line:
        """From a host to a database, so long at most when nothing is in the way."""
        return Line(self.loop, self.weather, self.chance, quick_seconds, partial(self.tell, host))

    def tell(self, host: str, what: str, given: object = "") -> None:
        """Note what happens, where anybody will ever read it."""
        if self._traced:
            self._trace.append((self.loop.time(), host, what, _short(given)))

    def spawn(self, host: Host | None, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let this go on, on a host; without one, outside of all."""
        context = contextvars.Context()
        context.run(HOST.set, host)
        task = self.loop.create_task(work, context=context)
        task.add_done_callback(self._look_at, context=contextvars.Context())
        return task

    def remember(self) -> None:
        """What is kept now may be what a later crash falls back to, where there may be one."""
        if self.may_rewind:
            self._older = [*self._older[-3:], (self.databases.reads.kept.copied(), self.oracle.state())]

    def rewind(self) -> None:
        """The database of read models has crashed, and has lost what came last: rows and checkpoints together."""
        self.rewinds += 1
        place = self.chance.randrange(len(self._older))
        kept, state = self._older[place]
        self.databases.reads.kept = kept.copied()
        self._older = self._older[: place + 1]
        self.oracle.fall_back(state)

    def _forget_older(self) -> None:
        """What was just done to generations is durable, and with it all that came before."""
        self._older = []
        self.remember()

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """What a host's program raises is the end of the run."""
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    @property
    def trace(self) -> list[str]:
        """What has happened, a line each."""
        return [f"{when:9.4f}  {host:<9} {what}  {given}" for when, host, what, given in self._trace]

    @property
    def fingerprint(self) -> str:
        """The same for the same trace."""
        return hashlib.blake2b("\n".join(self.trace).encode(), digest_size=8).hexdigest()


def _short(given: object) -> str:
    if isinstance(given, Exception):
        return f"! {given}"
    if isinstance(given, list) and given and isinstance(given[0], Generation):
        return ", ".join(f"{each.number} {each.state} {each.code[:4]}" for each in given)
    if isinstance(given, (bool, int, str, list)):
        return str(given)[:160]
    return ""
