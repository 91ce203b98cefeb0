"""What questions are asked about: the tables, whose checkpoint each moves with, and how far that is where the rows are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from twofold.projections import AskedStore, Projection, SqlProjection
from twofold.projections.table import Table
from twofold.queries.cursors import Cursors
from twofold.queries.moments import Moments
from twofold.queries.reader import Begin, Reader
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import whole


class Follower(Protocol):
    """What brings the rows forward that questions find, as far as this process knows."""

    @property
    def behind(self) -> Collection[str]:
        """Strong subscriptions that are still catching up; seldom any."""
        ...

    async def catch_up(self, names: AbstractSet[str], *, timeout_seconds: float) -> None:
        """Return when these, which are behind, hold the whole log as it is now; ``BehindError`` otherwise."""
        ...

    async def reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        """Return when questions find these subscriptions at ``position`` or beyond; ``BehindError`` otherwise."""
        ...

    def tells(self, names: Collection[str]) -> bool:
        """Whether this process hears of each change of their rows before ``reach`` returns for it."""
        ...


class Sources:
    """The tables of an app in the database where questions go."""

    def __init__(
        self,
        reads: AskedStore,
        projections: Sequence[Projection],
        sql_projections: Sequence[SqlProjection],
        follower: Follower,
        moments: Moments,
    ) -> None:
        self.follower = follower
        self.moments = moments
        self._reads = reads
        self._cursors = Cursors(reads)
        self._tables: Mapping[type[Any], Table] = {each.cls: each.table for each in projections}
        self._subscriptions = {each.name: each.subscription for each in projections} | {
            table: each.name for each in sql_projections for table in each.layout.tables
        }

    def reader(self, begin: Begin | None = None) -> Reader:
        """A reader that calls ``begin`` with the names of the tables before each statement."""
        return Reader(self._reads, self._tables, begin, self._cursors, self._subscriptions.keys())

    def subscriptions(self, tables: Collection[str]) -> frozenset[str]:
        """Those whose checkpoints move with the rows of these tables."""
        return frozenset(self._subscriptions[table] for table in tables)

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint | None]:
        """Where these subscriptions stand, where the rows are: with all their partitions; None for one that never moved."""
        found = await self._reads.checkpoints(names)
        seen = set(map(whole, found))
        return {**{name: None for name in names if name not in seen}, **found}

    def position(self, checkpoints: Mapping[str, Checkpoint | None]) -> int:
        """Up to where all of these have come in this log."""
        return min(map(self._position, checkpoints.values()), default=0)

    def _position(self, at: Checkpoint | None) -> int:
        return at.position if at is not None and self.moments.is_ours(at.store_id, at.log_epoch) else 0
