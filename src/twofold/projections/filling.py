"""Filling the tables of a generation: the log is folded up to its end, and written in large steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from twofold.errors import StoreUnavailableError, TwofoldError
from twofold.messages import Registry
from twofold.projections.builder import Builder
from twofold.projections.group import Group
from twofold.projections.port import ReadStore
from twofold.projections.projector import Projector
from twofold.store.port import LogReader
from twofold.subscriptions import Engine
from twofold.subscriptions.patience import backoff_seconds

BUSY_PAGE_MAX = 100
"""Events in a page while others write too: a question that meets one waits for a fifth of a millisecond each for its decoding and
its fold. On SQLite the slowest hundredth of questions takes 1.5 times as long as undisturbed (with pages of 250: 2.4 times), and
the rebuild 1.6 times as long."""

SQL_PAGES = 8
"""How many times larger pages are that SQL takes: on SQLite each transaction costs four milliseconds more than a live one."""


class Limits(msgspec.Struct, frozen=True):
    """Of a filling: events in a page, rows in memory, events in a step that is written, parked keys of each read model."""

    page_max: int
    rows_max: int
    events_max: int
    parked_max: int


class Progress(msgspec.Struct, frozen=True):
    """How far a rebuild has come: positions of the log, events per second, and seconds left at that rate."""

    subscription: str
    number: int
    position: int
    head: int
    rate: float
    left_seconds: float | None


class Pace:
    """Turns positions into progress: the rate is that since the first of them."""

    def __init__(self, subscription: str, number: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._subscription, self._number, self._clock = subscription, number, clock
        self._began: tuple[float, int] | None = None

    def at(self, position: int, head: int) -> Progress:
        """The progress at a position."""
        at, first = self._began = self._began or (self._clock(), position)
        seconds = self._clock() - at
        rate = (position - first) / seconds if seconds > 0 else 0.0
        left = (head - position) / rate if rate > 0 else None
        return Progress(self._subscription, self._number, position, head, round(rate, 1), left)


class SqlBuilder(Projector):
    """Fills what a SQL projection makes: each page is written where it is read, so that nothing is in memory."""

    async def flush(self) -> bool:
        """Nothing is left to be written."""
        return True


class Filling:
    """Folds a log into the tables of a group that nobody reads yet. ``renewed`` gives the group as it is to be folded now.

    ``seen`` is called with position and head after each page; ``brake`` when there is more. ``is_busy`` says
    whether others write too.
    """

    def __init__(
        self,
        log: LogReader,
        registry: Registry,
        reads: ReadStore,
        group: Group,
        limits: Limits,
        *,
        renewed: Callable[[], Awaitable[Group]],
        seen: Callable[[int, int], None],
        brake: Callable[[], Awaitable[None]] | None,
        is_busy: Callable[[], bool],
    ) -> None:
        self._builder = (
            Builder(
                reads,
                group,
                rows_max=limits.rows_max,
                events_max=limits.events_max,
                parked_max=limits.parked_max,
                renewed=renewed,
                is_busy=is_busy,
            )
            if group.sql is None
            else SqlBuilder(reads, (), groups=[group])
        )
        self._page_max = limits.page_max if group.sql is None else SQL_PAGES * limits.page_max
        self._busy_page_max = min(limits.page_max, BUSY_PAGE_MAX) if group.sql is None else self._page_max
        self._engine = Engine(log, registry, self._builder, page_max=self._page_max)
        self._seen, self._brake, self._is_busy = seen, brake, is_busy

    def doubt(self) -> None:
        """Look again what is there: a crash may have rewound the read database."""
        self._engine.doubt()

    async def look(self) -> None:
        """Find out whether the checkpoint still stands where it was left."""
        await self._engine.look()

    async def fill(self) -> None:
        """Fold everything up to the end of the log, and write it; again and again while a database is away."""
        failures = 0
        while True:
            try:
                if not await self._step() and await self._is_written():
                    return
                failures = 0
            except StoreUnavailableError:
                failures += 1
                await asyncio.sleep(backoff_seconds(failures))

    @property
    def position(self) -> int:
        """How far it has folded."""
        return max((status.position for status in self._engine.status()), default=0)

    async def fill_to(self, position: int) -> None:
        """Fold up to a position, and write it, without a rest: others are kept waiting. Errors of the databases are raised."""
        stood = -1
        while stood < self.position < position:  # Where it moves no more, something else is amiss.
            stood = self.position
            await self._engine.step()
        await self._is_written()

    async def close(self) -> None:
        """Write what is in memory, so that the next one goes on from there."""
        await self._builder.flush()
        await self._engine.stop()

    async def _is_written(self) -> bool:
        if await self._builder.flush():
            return True
        self._engine.doubt()  # It stands where that would have been; the checkpoint says where to go on.
        return False

    async def _step(self) -> bool:
        self._engine.page_max = self._busy_page_max if self._is_busy() else self._page_max
        more = await self._engine.step()
        (status,) = self._engine.status()
        if status.state == "stopped":
            raise self._engine.error_of(status.name) or TwofoldError(f"{status.name} has stopped")
        self._seen(status.position, status.head)
        if more and self._brake is not None:
            await self._brake()
        return more
