"""A rebuild: the next generation is filled beside the one that serves, and takes its place when it is level."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from twofold.errors import OutcomeUnknownError, StoreRefusedError, StoreUnavailableError, TwofoldError
from twofold.messages import Registry
from twofold.projections.builder import EVENTS_MAX, ROWS_MAX
from twofold.projections.filling import Filling, Limits, Pace, Progress
from twofold.projections.generations import Generation, Switch, built_beside
from twofold.projections.group import Group
from twofold.projections.port import Advance, ReadStore
from twofold.projections.shares import GAP_MAX, Hold, Shares
from twofold.store.port import EventStore, LogReader
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.patience import backoff_seconds

PAGE_MAX = 250
"""Events in a page of a rebuild: whatever else happens in the same process waits for the read, decoding and fold of one,
half a millisecond each. Larger ones are hardly faster."""

MISSING_MAX = 200
"""How many events a generation may lack for its last ones to be folded while the one that serves stands still. With each
attempt that comes too late it is twice as many, so that one succeeds, however fast others append."""

Tell = Callable[[Progress], None]
TakeOver = Callable[[Switch], Awaitable[bool]]
"""How one generation takes the place of another: as ``ReadStore.switch``, which it is for most."""


async def stand(log: EventStore, reads: ReadStore, name: str) -> None:
    """Let a generation that never moved stand before the first event of the log, where a switch finds it."""
    if not await reads.checkpoints([name]):
        start = Checkpoint.start(await log.head())
        await reads.save([Advance(name, start, start)])


@asynccontextmanager
async def alone(name: str) -> AsyncGenerator[bool]:
    """Hold it: there is nobody else."""
    yield True


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
        is_busy: Callable[[], bool] = lambda: False,
        take_over: TakeOver | None = None,
        hold: Hold = alone,
        gap_max: int = GAP_MAX,
    ) -> None:
        self._log, self._registry, self._reads, self._group, self.generation = log, registry, reads, group, generation
        self._beside = built_beside(group, generation.number)
        self._limits = Limits(page_max, rows_max, events_max, parked_max)
        self._pace, self._tell, self._brake = Pace(group.name, generation.number), tell, brake
        self._is_busy = is_busy
        self._take_over = take_over or self._exchange
        self._missing_max = MISSING_MAX
        self._filling = self._fill(log, self._beside.name)
        self._shares = Shares(log, reads, self._beside.name, fill=self._fill, hold=hold, gap_max=gap_max)
        self._is_complete = False

    @property
    def beside(self) -> Group:
        """The group as it is built: over tables of its own."""
        return self._beside

    def doubt(self) -> None:
        """Look again what is there: a crash may have rewound the read database."""
        self._filling.doubt()
        self._shares.doubt()

    async def share(self, count: int) -> None:
        """Let so many processes fill it, if nobody has begun to. Others ``help``; this one puts it together."""
        if self._group.by_stream and count > 1:
            await self._shares.open(count)

    async def help(self) -> None:
        """Fill what can be of it beside the process that builds it."""
        await self._shares.help()

    async def catch_up(self) -> None:
        """Fold everything up to the head, and write it; then make the indexes, and fold what has come meanwhile.

        Raises the ``FoldError`` of an event that no key can be parked for, and the databases' errors.
        """
        failures = 0
        while True:
            try:
                await self._shares.finish()
                await self._filling.fill()
                if self._is_complete:
                    return
                await self._complete()
                failures = 0
            except StoreUnavailableError:
                failures += 1
                await asyncio.sleep(backoff_seconds(failures))
            except TwofoldError as error:
                if isinstance(error, StoreRefusedError) and error.reason == "shared":
                    continue  # Another that led before has shared it out at the last moment.
                # Whoever switches or cancels it takes its tables away.
                if await self.is_over():
                    return
                raise

    async def _complete(self) -> None:
        """Once the rows are there: making an index of many is faster than keeping it while they come."""
        await self._reads.complete(self.generation, self._group.made)
        self._is_complete = True

    async def switch(self, old: int) -> int:
        """Take the place of generation ``old``, or of one that serves instead of it by now; which of them that was.

        It catches up as often as that moves on, and waits for whoever reads the tables for long. ``StoreRefusedError``
        where one serves by now that was begun later than this: it may be of newer code.
        """
        failures = 0
        while True:
            try:
                if failures and await self.is_over():
                    return old
                await stand(self._log, self._reads, self._beside.name)
                if await self._takes_over(old):
                    return old
                old = await self._serving(old)
                await self._filling.look()  # A crash may have taken back what was written.
                failures = 0
            except (StoreUnavailableError, OutcomeUnknownError):  # Perhaps it was done all the same: then it is over.
                failures += 1
                await asyncio.sleep(backoff_seconds(failures))
            await self.catch_up()

    async def _takes_over(self, old: int) -> bool:
        """Whether it serves now, by this process or another."""
        try:
            return await self._take_over(self._switch_from(old)) or await self.is_over()
        except StoreRefusedError:
            # Whoever has switched to it has given its tables other names.
            if not await self.is_over():
                raise
            return True

    async def _exchange(self, change: Switch) -> bool:
        return await self._reads.switch(change, catch_up=self._catch_up_to)

    async def _catch_up_to(self, position: int) -> None:
        """The last step, while whoever follows what serves waits: only if it is a short one."""
        if position - self._filling.position <= self._missing_max:
            await self._filling.fill_to(position)
        else:
            self._missing_max *= 2

    def _switch_from(self, old: int) -> Switch:
        group = self._group
        return Switch(group.name, old, self.generation.number, group.made, partitions=group.partitions)

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
        await self._filling.close()

    def _fill(self, log: LogReader, name: str, mean: Callable[[int], int] = int) -> Filling:
        """What folds some of the log, under the name of the generation or of a share of it.

        ``mean`` turns its position into that of all shares together.
        """

        async def renewed() -> Group:
            skipped = await self._reads.skipped([each.name for each in self._group.projections])
            self._beside = built_beside(self._group, self.generation.number, skipped)
            return msgspec.structs.replace(self._beside, name=name)

        return Filling(
            log,
            self._registry,
            self._reads,
            msgspec.structs.replace(self._beside, name=name),
            self._limits,
            renewed=renewed,
            seen=lambda position, head: self._tell(self._pace.at(mean(position), head)),
            brake=self._brake,
            is_busy=self._is_busy,
        )
