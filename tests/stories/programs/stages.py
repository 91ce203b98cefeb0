"""Three places where the same program is played: in memory, on SQLite, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from twofold import App
from twofold.clock import FixedClock
from twofold.config import parse_places
from twofold.projections import Inline
from twofold.projections.port import AppendTransaction
from twofold.rooms import Rooms, rooms_for
from twofold.settings import Background, Bounds, Rebuilding
from twofold.testing import MemoryLog, MemoryReads, MemorySnapshots

T = TypeVar("T")

CLOCK = FixedClock(datetime(2000, 1, 1, tzinfo=UTC))


class Log(MemoryLog):
    """A log in memory that could carry strong read models, if there were any."""

    def carry(self, inline: Inline) -> None:
        raise NotImplementedError

    async def between_appends(self, work: Callable[[AppendTransaction], Coroutine[Any, Any, T]]) -> T:
        raise NotImplementedError


class Actor(App):
    """A process on a stage: an app over rooms that are given to it."""

    def __init__(
        self,
        parts: Sequence[Any],
        rooms: Callable[[], Rooms],
        *,
        bounds: Bounds,
        rebuild: Rebuilding,
        parked_max: int,
        background: Background = False,
    ) -> None:
        super().__init__(*parts, clock=CLOCK, rebuild=rebuild, parked_max=parked_max, background=background)
        self.settings = msgspec.structs.replace(self.settings, bounds=bounds)
        self._given = rooms

    def _rooms(self) -> Rooms:
        return self._given()


class Stage:
    """One database with the processes over it, and a pair of eyes of its own."""

    def __init__(self, name: str, rooms: Callable[[], Rooms]) -> None:
        self.name, self.rooms = name, rooms
        self.eyes = rooms()
        self.actors: dict[str, Actor] = {}

    async def open(self) -> None:
        await self.eyes.open()

    async def close(self) -> None:
        for name in list(self.actors):
            await self.stop(name)
        await self.eyes.close()

    async def start(self, name: str, actor: Actor) -> None:
        await actor.start()
        self.actors[name] = actor

    async def stop(self, name: str) -> None:
        if name in self.actors:
            await self.actors.pop(name).stop()


def memory_stage() -> Stage:
    log, reads, snapshots = Log(), MemoryReads(), MemorySnapshots()
    return Stage("memory", lambda: Rooms(log, reads, reads, snapshots, reads.leases, is_server=False))


def database_stage(name: str, url: str) -> Stage:
    return Stage(name, lambda: rooms_for(parse_places(url), migrate=True))
