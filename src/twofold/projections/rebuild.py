"""A rebuild: the next generation is filled beside the one that serves, and takes its place when it is level."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from twofold.errors import OutcomeUnknownError, StoreRefusedError, StoreUnavailableError, TwofoldError
from twofold.messages import Registry
from twofold.projections.builder import EVENTS_MAX, ROWS_MAX, Builder
from twofold.projections.generations import Generation, Switch, built_beside
from twofold.projections.group import Group
from twofold.projections.port import Advance, ReadStore
from twofold.store.port import EventStore
from twofold.subscriptions import Checkpoint, Engine
from twofold.subscriptions.patience import backoff_seconds

PAGE_MAX = 250
"""Events in a page of a rebuild: whatever else happens in the same process waits for the read, decoding and fold of one,
half a millisecond each. Larger ones are hardly faster."""


class Progress(msgspec.Struct, frozen=True):
    """How far a rebuild has come: positions of the log, events per second, and seconds left at that rate."""

    subscription: str
    number: int
    position: int
    head: int
    rate: float
    left_seconds: float | None


Tell = Callable[[Progress], None]
TakeOver = Callable[[Switch], Awaitable[bool]]
"""How one generation takes the place of another: as ``ReadStore.switch``, which it is for most."""


async def stand(log: EventStore, reads: ReadStore, name: str) -> None:
    """Let a generation that never moved stand before the first event of the log, where a switch finds it."""
    if not await reads.checkpoints([name]):
        start = Checkpoint.start(await log.head())
        await reads.save([Advance(name, start, start)])


class Rebuild:
    """Builds one generation of a group. It may be killed at any moment, and goes on where it has written."""

    def __init__(
        self,
        log: EventStore,
        registry: Registry,
        reads: ReadStore,
        group: Group,
        generation: Generation,
        *,
        page_max: int = PAGE_MAX,
        rows_max: int = ROWS_MAX,
        events_max: int = EVENTS_MAX,
        parked_max: int = 0,
        tell: Tell = lambda progress: None,
        brake: Callable[[], Awaitable[None]] | None = None,
        take_over: TakeOver | None = None,
    ) -> None:
        self._log, self._reads, self._group, self.generation = log, reads, group, generation
        self._beside = built_beside(group, generation.number)
        self._builder = Builder(
            reads, self._beside, rows_max=rows_max, events_max=events_max, parked_max=parked_max, renewed=self._renewed
        )
        self._engine = Engine(log, registry, self._builder, page_max=page_max)
        self._tell, self._brake = tell, brake
        self._take_over = take_over or reads.switch
        self._is_complete = False
        self._began = time.monotonic(), 0

    @property
    def beside(self) -> Group:
        """The group as it is built: over tables of its own."""
        return self._beside

    def doubt(self) -> None:
        """Look again what is there: a crash may have rewound the read database."""
        self._engine.doubt()

    async def _renewed(self) -> Group:
        skipped = await self._reads.skipped([each.name for each in self._group.projections])
        self._beside = built_beside(self._group, self.generation.number, skipped)
        return self._beside

    async def catch_up(self) -> None:
        """Fold everything up to the head, and write it; then make the indexes, and fold what has come meanwhile.

        Raises the ``FoldError`` of an event that no key can be parked for, and the databases' errors.
        """
        failures = 0
        while True:
            try:
                if not await self._step() and await self._is_written():
                    if self._is_complete:
                        return
                    await self._complete()
                failures = 0
            except StoreUnavailableError:
                failures += 1
                await asyncio.sleep(backoff_seconds(failures))
            except TwofoldError:
                # Whoever switches or cancels it takes its tables away.
                if await self.is_over():
                    return
                raise

    async def _is_written(self) -> bool:
        if await self._builder.flush():
            return True
        self._engine.doubt()  # It stands where that would have been; the checkpoint says where to go on.
        return False

    async def _complete(self) -> None:
        """Once the rows are there: making an index of many is faster than keeping it while they come."""
        tables = [projection.table for projection in self._group.projections]
        await self._reads.complete(self.generation, tables)
        self._is_complete = True

    async def switch(self, old: int) -> int:
        """Take the place of generation ``old``, or of one that serves instead of it by now; which of them that was.

        It catches up as often as that moves on, and waits for whoever reads the tables for long. ``StoreRefusedError``
        where one serves by now that was begun later than this: it may be of newer code.
        """
        failures = 0
        while True:
            try:
                await stand(self._log, self._reads, self._beside.name)
                if await self._take_over(self._switch_from(old)) or await self.is_over():
                    return old
                old = await self._serving(old)
                await self._engine.look()  # A crash may have taken back what was written.
                failures = 0
            except (StoreUnavailableError, OutcomeUnknownError):  # Perhaps it was done all the same: then it is over.
                failures += 1
                await asyncio.sleep(backoff_seconds(failures))
            await self.catch_up()

    def _switch_from(self, old: int) -> Switch:
        tables = tuple(projection.table for projection in self._group.projections)
        return Switch(self._group.name, old, self.generation.number, tables, partitions=self._group.partitions)

    async def is_over(self) -> bool:
        """Whether another process has switched to this generation. ``StoreRefusedError`` if somebody gave it up."""
        noted = await self._reads.generations([self._group.name])
        state = next((each.state for each in noted if each.number == self.generation.number), "cancelled")
        if state == "cancelled":
            raise StoreRefusedError(
                f"Generation {self.generation.number} of {self._group.name} was cancelled",
                reason="cancelled",
                remedy="Begin another: twofold projections rebuild.",
            )
        return state != "building"

    async def _serving(self, old: int) -> int:
        """What serves by now, if it was begun before this."""
        noted = await self._reads.generations([self._group.name])
        serving = next((each.number for each in noted if each.state == "active"), old)
        if serving != old and serving > self.generation.number:
            raise StoreRefusedError(
                f"Generation {serving} of {self._group.name} has taken the place of generation {old} meanwhile",
                reason="switched",
                remedy=f"Let generation {self.generation.number} serve instead: twofold projections switch {self._group.name}.",
            )
        return serving

    async def close(self) -> None:
        """Write what is in memory, so that the next one goes on from there."""
        await self._builder.flush()
        await self._engine.stop()

    async def _step(self) -> bool:
        more = await self._engine.step()
        (status,) = self._engine.status()
        if status.state == "stopped":
            raise self._engine.error_of(status.name) or TwofoldError(f"{status.name} has stopped")
        self._tell(self._progress(status.position, status.head))
        if more and self._brake is not None:
            await self._brake()
        return more

    def _progress(self, position: int, head: int) -> Progress:
        at, first = self._began
        if not first:
            self._began = at, first = time.monotonic(), position
        seconds = time.monotonic() - at
        rate = (position - first) / seconds if seconds > 0 else 0.0
        left = (head - position) / rate if rate > 0 else None
        return Progress(self._group.name, self.generation.number, position, head, round(rate, 1), left)
