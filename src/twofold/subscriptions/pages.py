"""One reader for many: pages of the log, each read and decoded once, and the next one read ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from twofold.messages import Event, Recorded, Registry
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.port import LogReader

COUNT_MIN = 100
"""Events in a page when idle: the first of a burst should not wait for the folds of many others."""


class Batch(msgspec.Struct, frozen=True):
    """A decoded page: its events, and how far it speaks for the log (see ``store.port.Page``)."""

    events: Sequence[Recorded[Event]]
    reached: int
    full: bool


class Pages:
    """Reads on after a position. Pages double while they come back full, up to ``bytes_max`` and what ``count_max`` says then."""

    def __init__(self, log: LogReader, registry: Registry, *, count_max: Callable[[], int], bytes_max: int) -> None:
        self._log = log
        self._registry = registry
        self._count_max = count_max
        self._bytes_max = bytes_max
        self._count = COUNT_MIN
        self._ahead: tuple[int, frozenset[str], asyncio.Task[Batch]] | None = None

    async def after(self, position: int, types: frozenset[str]) -> Batch:
        """The next page of events of these types, after a position."""
        batch = await self._batch(position, types)
        self._count = min(self._count * 2, self._count_max()) if batch.full else COUNT_MIN
        if batch.full:
            self._ahead = batch.reached, types, asyncio.create_task(self._read(batch.reached, types))
        return batch

    async def close(self) -> None:
        """Give up what was read ahead."""
        if self._ahead is not None:
            _, _, task = self._ahead
            self._ahead = None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)  # Nobody will ask for this page or its error.

    async def _batch(self, position: int, types: frozenset[str]) -> Batch:
        if self._ahead is not None and self._ahead[:2] == (position, types):
            task = self._ahead[2]
            self._ahead = None
            return await task
        await self.close()
        return await self._read(position, types)

    async def _read(self, position: int, types: frozenset[str]) -> Batch:
        # Asking for every type that exists is asking for everything, which needs no index but the log's own order.
        criteria = EVERYTHING if types.issuperset(self._registry.events) else Criteria.of(types=types)
        count = min(self._count, self._count_max())
        page = await self._log.read(after=position, criteria=criteria, count_max=count, bytes_max=self._bytes_max)
        return Batch(self._registry.page(page.rows), page.reached, page.full)
