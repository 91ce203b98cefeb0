"""One question under way: what it has asked about, how far that was, and how long it waited for it."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from time import perf_counter

from twofold.queries.changes import TableChanges
from twofold.queries.sources import Sources
from twofold.subscriptions import Checkpoint


class Asking:
    """Called before each statement with the tables it names: waits for them to reach ``wanted``, and notes where they are.

    What is noted is from before the rows are read, so the rows are never older: ``checkpoints``, and in ``count`` the
    moment of ``TableChanges``. With ``noting`` off it only waits.
    """

    def __init__(
        self, sources: Sources, changes: TableChanges, wanted: int, wait_seconds: float, *, noting: bool
    ) -> None:
        self.count: int | None = None
        self.tables: set[str] = set()
        self.checkpoints: dict[str, Checkpoint | None] = {}
        self.waited_seconds = 0.0
        self._noted: set[str] = set()
        self._sources = sources
        self._changes = changes
        self._wanted = wanted
        self._wait_seconds = wait_seconds
        self._noting = noting

    async def __call__(self, tables: Collection[str]) -> None:
        subscriptions = self._sources.subscriptions(tables)
        follower, seconds = self._sources.follower, self._wait_seconds
        if late := subscriptions.intersection(follower.behind):
            await self._wait(follower.catch_up(late, timeout_seconds=seconds))
        if self._wanted:
            await self._wait(follower.reach(subscriptions, self._wanted, timeout_seconds=seconds))
        if self._noting:
            self.count = self._changes.count if self.count is None else self.count
            self.tables.update(tables)
            if new := subscriptions - self._noted:
                self._noted |= new
                self.checkpoints |= await self._sources.checkpoints(new)

    @property
    def position(self) -> int:
        """Up to where the answer is complete for certain."""
        return max(self._sources.position(self.checkpoints), self._wanted)

    async def _wait(self, until: Awaitable[None]) -> None:
        started = perf_counter()
        try:
            await until
        finally:
            self.waited_seconds += perf_counter() - started
