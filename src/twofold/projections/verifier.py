"""Is a read model right? Its keys are folded again from the log, up to where its rows stand, and compared exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import nsmallest
from typing import Any, TypeAlias

from msgspec.structs import replace

from twofold.errors import InvalidInputError, NotFoundError
from twofold.messages import Registry
from twofold.projections.audience import Audience
from twofold.projections.comparison import Comparison
from twofold.projections.deployment import superseded
from twofold.projections.group import Group
from twofold.projections.healing import Healing
from twofold.projections.port import ReadStore
from twofold.projections.projection import Projection
from twofold.projections.refold import TooManyRowsError
from twofold.projections.slices import Slice
from twofold.projections.sql_comparison import SqlComparison
from twofold.projections.table import Table
from twofold.projections.verification import Verification
from twofold.store.port import EventStore

ROWS_MAX = 100_000
"""Rows that one pass holds: as many kept ones, and those of two folds."""

Tell: TypeAlias = Callable[[float], None]
"""Is told which share of the work is done, from 0 to 1."""


class Verifier:
    """Verifies the read models of an app, while writes go on, and what its SQL projections have written.

    A read model of more rows than ``rows_max`` is verified in slices of its keys, each in a pass over the events that it
    asks for. Only one whose rows depend on each other (it looks up rows, or its rows move to other keys) is folded, and
    held in memory, as a whole. ``groups`` are those that they belong to.
    """

    def __init__(
        self,
        log: EventStore,
        registry: Registry,
        reads: ReadStore,
        groups: Sequence[Group],
        *,
        rows_max: int = ROWS_MAX,
        audience: Audience | None = None,
    ) -> None:
        self._log, self._registry, self._reads = log, registry, reads
        self._groups = {each.name: group for group in groups for each in group.projections}
        self._projections = {each.name: each for group in groups for each in group.projections}
        self._sql = {group.sql.name: (group, group.sql) for group in groups if group.sql is not None}
        self._rows_max, self._audience = rows_max, audience or Audience()

    async def verify(
        self, name: str, *, sample: int | None = None, heal: bool = False, tell: Tell = lambda share: None
    ) -> Verification:
        """Compare every key of a read model, or about ``sample`` of them, drawn anew each time; mend what differs.

        Raises ``NotFoundError`` for a name that is none, ``StoreRefusedError`` where the log is not the one that the rows
        were made from, or the code not that which made them, and ``FoldError`` for an event whose key cannot be said.
        What writes with SQL of its own is compared as a whole, and not mended: ``InvalidInputError`` for such a wish.
        """
        if name in self._sql:
            _refuse_parts(name, sample, heal)
            return await self._verified_by_sql(name, tell)
        projection = self._named(name)
        await self._refuse_superseded(self._groups[name])
        whole = Slice.whole() if sample is None else await self._sample(projection, sample)
        found, left, done = Verification(name), [whole], 0.0
        while left:
            keys = left.pop()
            share = keys.share / whole.share
            try:
                found = found.joined(await self._verified(projection, keys, heal, _within(tell, done, share)))
                done += share
            except TooManyRowsError:
                left += reversed(keys.halves)
        return await self._unless_superseded(found, self._groups[name])

    async def _verified_by_sql(self, name: str, tell: Tell) -> Verification:
        group, projection = self._sql[name]
        await self._refuse_superseded(group)
        found = await SqlComparison(self._log, self._registry, self._reads, group.name, projection).run(tell)
        return await self._unless_superseded(found, group)

    async def _unless_superseded(self, found: Verification, group: Group) -> Verification:
        """What was found, unless other code took over meanwhile: then it is no wonder that rows differ."""
        if not found.is_right:
            await self._refuse_superseded(group)
        return found

    async def _refuse_superseded(self, group: Group) -> None:
        if other := superseded(group, await self._reads.generations([group.name])):
            raise other

    async def _verified(self, projection: Projection, keys: Slice, heal: bool, tell: Tell) -> Verification:
        group = self._groups[projection.name].about(projection)
        rows_max = None if _depend_on_each_other(projection) else self._rows_max
        comparison = Comparison(self._log, self._registry, self._reads, projection, group, keys, rows_max=rows_max)
        found = await comparison.run(tell)
        if not heal or not comparison.different:
            return found
        healed = 0
        for part in comparison.parts:
            wrong = [each.key for each in comparison.different if part.owns is None or part.owns(each.key)]
            if wrong:
                healed += await Healing(self._reads, projection, part, comparison, self._audience).mend(wrong)
        return replace(found, healed=healed)

    async def _sample(self, projection: Projection, count: int) -> Slice:
        """The slice that holds so many of the rows: those with the lowest hashes."""
        if count < 1:
            raise InvalidInputError(f"A sample of {count} keys", what="sample", remedy="Ask for one or more.")
        whole, hashes = Slice.whole(), list[int]()

        def take(_: Table, rows: Sequence[Any]) -> None:
            hashes[:] = nsmallest(count, [*hashes, *(whole.hash(projection.row_key(row)) for row in rows)])

        await self._reads.survey(projection.table, (), take)
        return whole.up_to(hashes[-1]) if len(hashes) == count else whole

    def _named(self, name: str) -> Projection:
        if name not in self._projections:
            known = ", ".join(sorted({*self._projections, *self._sql})) or "none"
            raise NotFoundError("read model", name, remedy=f"Those of this app: {known}.")
        return self._projections[name]


def _refuse_parts(name: str, sample: int | None, heal: bool) -> None:
    if sample is not None:
        raise InvalidInputError(
            f"{name} writes with SQL of its own, which is compared as a whole",
            what="sample",
            remedy="Verify it without a sample.",
        )
    if heal:
        raise InvalidInputError(
            f"{name} writes with SQL of its own: single rows cannot be mended",
            what="heal",
            remedy=f"Verify it without, and build it anew: twofold projections rebuild {name}.",
        )


def _within(tell: Tell, done: float, share: float) -> Tell:
    return lambda inner: tell(done + share * inner)


def _depend_on_each_other(projection: Projection) -> bool:
    return projection.looks_up or projection.moves
