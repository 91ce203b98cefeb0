"""A generation filled by several processes at once: each takes some streams, until all are there and one goes on alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from twofold.errors import StoreRefusedError
from twofold.projections.filling import Filling
from twofold.projections.port import Arrangement, ReadStore
from twofold.store.excerpt import Excerpt
from twofold.store.port import LogReader, Share
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import count_of, partition_names

SHARES_MAX = 4
"""The log is read from end to end for each share, to find the streams that are in it."""

GAP_MAX = 50_000
"""How many positions shares may stand apart for one process to bring them to one place: below a second of work."""

LOOK_SECONDS = 0.05
"""How often whoever has nothing to do looks whether the others are done."""

Fill = Callable[[LogReader, str, Callable[[int], int]], Filling]
"""What folds some of a log under a name, and tells how far all of it has come by then, given how far it has come itself."""

Hold = Callable[[str], AbstractAsyncContextManager[bool]]
"""Holds something for the length of a block, if nobody else does."""


class Shares:
    """The shares of one generation ``name``: partitions by stream, which end as one checkpoint at one position.

    Each is a subscription of its own, and moves by compare-and-set like any other: two that take the same one lose time.
    """

    def __init__(
        self, log: LogReader, reads: ReadStore, name: str, *, fill: Fill, hold: Hold, gap_max: int = GAP_MAX
    ) -> None:
        self._log, self._reads, self._name, self._fill, self._hold = log, reads, name, fill, hold
        self._gap_max = gap_max
        self._filling: Filling | None = None

    def doubt(self) -> None:
        """Look again what is there: a crash may have rewound the read database."""
        if self._filling is not None:
            self._filling.doubt()

    async def open(self, count: int) -> None:
        """Let it be filled in so many shares, unless somebody has begun to fill it."""
        start = Checkpoint.start(await self._log.head())
        names = partition_names(self._name, min(count, SHARES_MAX))
        await self._reads.arrange(Arrangement(self._name, {}, dict.fromkeys(names, start)))

    async def help(self) -> None:
        """Fill the shares that are far from the end of the log, but for those that others fill."""
        stand = await self._stand()
        for place, name in enumerate(stand):
            async with self._hold(name) as is_mine:
                at = (await self._stand()).get(name)  # Whoever held it may have filled it.
                if is_mine and at is not None and await self._is_far(at):
                    await self._fill_share(place)

    async def finish(self) -> None:
        """Return when all shares are filled, whoever does it, and are one."""
        while await self._stand():
            await self.help()
            if not await self._are_one():
                await asyncio.sleep(LOOK_SECONDS)

    async def _stand(self) -> Mapping[str, Checkpoint]:
        """Where the shares stand, in order; nothing if there are none."""
        found = await self._reads.checkpoints([self._name])
        return {name: found[name] for name in partition_names(self._name, count_of(found))} if len(found) > 1 else {}

    async def _is_far(self, at: Checkpoint) -> bool:
        return (await self._log.head()).position - at.position > self._gap_max // 2

    async def _are_one(self) -> bool:
        """Bring them to one place, where they become one checkpoint; not as long as some are far behind."""
        stand = await self._stand()
        until = max((at.position for at in stand.values()), default=0)
        if any(until - at.position > self._gap_max for at in stand.values()):
            return False
        for place, at in enumerate(stand.values()):
            if at.position < until:
                await self._fill_share(place, until)
        stand = await self._stand()
        if {at.position for at in stand.values()} != {until}:
            return False  # Others have moved them on meanwhile, or a crash has taken something back.
        last = max(stand.values(), key=lambda at: at.event_position)
        return await self._reads.arrange(Arrangement(self._name, stand, {self._name: last}))

    async def _is_beyond(self, name: str, until: int | None) -> bool:
        """Whether somebody has moved a share on to where the log, as it is seen up to here, has no events."""
        at = (await self._stand()).get(name)
        return until is not None and at is not None and at.position > until

    async def _fill_share(self, place: int, until: int | None = None) -> None:
        """Up to the end of the log; over when others have gone on to one checkpoint meanwhile."""
        stand = await self._stand()
        if not stand:
            return
        others = sum(at.position for at in stand.values()) - [*stand.values()][place].position
        excerpt = Excerpt(self._log, share=Share(place, len(stand)), until=until)
        self._filling = filling = self._fill(
            excerpt, [*stand][place], lambda position: (others + position) // len(stand)
        )
        try:
            await filling.fill()
        except StoreRefusedError as error:
            if error.reason != "shared" and not await self._is_beyond([*stand][place], until):
                raise
        finally:
            self._filling = None
            await filling.close()
