"""One pass of a verification: some keys as they are kept at one moment, beside what the log makes of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from twofold.messages import Registry
from twofold.projections.group import Group, left_out
from twofold.projections.ledger import Keeper, Values
from twofold.projections.parking import Parked, Since, key_from, key_text
from twofold.projections.partitions import Owns
from twofold.projections.port import ReadStore
from twofold.projections.projection import Projection
from twofold.projections.refold import Refold, TooManyRowsError, differing
from twofold.projections.slices import Slice
from twofold.projections.table import Key, Table
from twofold.projections.verification import TOLD_MAX, Difference, Unsure, Verification
from twofold.store.port import EventStore
from twofold.subscriptions import Checkpoint, disagrees
from twofold.subscriptions.partition import count_of


class Comparison:
    """Compares the rows of one read model, of the keys of a slice.

    ``group`` are the read models to fold for that. If they are more than one, or rows move, all keys must be folded.
    """

    def __init__(
        self,
        log: EventStore,
        registry: Registry,
        reads: ReadStore,
        projection: Projection,
        group: Group,
        keys: Slice,
        *,
        rows_max: int | None,
    ) -> None:
        self._log, self._registry, self._reads = log, registry, reads
        self._projection, self._group, self._keys = projection, group, keys
        self._is_whole, self._rows_max = rows_max is None, sys.maxsize if rows_max is None else rows_max
        self._keeper = Keeper(projection.table)
        self._kept: dict[Key, Values] = {}
        self.checkpoints: Mapping[str, Checkpoint] = {}
        self.parts: Sequence[Group] = ()
        self.parked: Mapping[str, Since] = {}
        self.refold: Refold

    async def run(self, tell: Callable[[float], None]) -> Verification:
        """Look, fold, and compare. ``TooManyRowsError`` where the slice is too large."""
        projection, group = self._projection, self._group
        beside = [each.name for each in group.projections]
        survey = await self._reads.survey(projection.table, beside, self._take)
        head = await self._log.head()
        self.checkpoints = survey.checkpoints or {projection.subscription: Checkpoint.start(head)}
        for name, at in self.checkpoints.items():
            if refusal := await disagrees(self._log, head, name, at):
                raise refusal
        self.parked = since_of(survey.parked, group)
        # A generation that is built beside leaves out what was skipped of the one that serves.
        skipped = {
            name: {*keys, *group.skipped.get(name, ())} for name, keys in left_out(survey.skipped, group).items()
        }
        group = replace(group, skipped=skipped, owns=self._owns(None))
        self.parts = [replace(each, owns=self._owns(each.owns)) for each in group.split(count_of(self.checkpoints))]
        self.refold = Refold(self._log, self._registry, group, rows_max=self._rows_max)
        await self._fold(group, tell)
        return self._compared()

    @property
    def position(self) -> int:
        """Up to where the foremost rows are."""
        return max(at.position for at in self.checkpoints.values())

    async def _fold(self, group: Group, tell: Callable[[float], None]) -> None:
        """Fold all keys up to the first checkpoint, and then, stretch by stretch, those whose partition has come further."""
        after, end = 0, max(self.position, 1)
        for until in sorted({at.position for at in self.checkpoints.values()}):
            left = [each for each in self.parts if self.checkpoints[each.name].position >= until]
            part = group if len(left) == len(self.parts) else replace(group, owns=_any_of(left))
            await self.refold.go_on(part, after, until, self.parked, lambda position: tell(position / end))
            after = until

    def _owns(self, owns: Owns | None) -> Owns | None:
        """Which keys of those that are owned belong to the slice."""
        has = None if self._is_whole or self._keys.is_whole else self._keys.has
        if has is None or owns is None:
            return has or owns
        return lambda key: has(key) and owns(key)

    def _take(self, _: Table, rows: Sequence[Any]) -> None:
        row_key, has = self._projection.row_key, self._keys.has
        self._kept |= self._keeper.kept([row for row in rows if has(row_key(row))])
        if len(self._kept) > self._rows_max:
            raise TooManyRowsError

    def _compared(self) -> Verification:
        name = self._projection.name
        unsure = {key: columns for key, columns in self.refold.unsure[name].items() if self._keys.has(key)}
        failing = {key: error for key, error in self.refold.failing[name].items() if self._keys.has(key)}
        parked = [key for key in self.parked[name] if self._keys.has(key)]
        apart = {*unsure, *failing, *parked}
        keys = [key for key in self._kept.keys() | self.refold.ledger.kept[name] if self._keys.has(key)]
        compared = [key for key in keys if key not in apart]
        folded = self.refold.ledger.kept[name]
        wrong = [key for key in compared if self._kept.get(key) != folded.get(key)]
        self.different = list(self._differences(wrong))
        return Verification(
            name,
            self.position,
            len(compared),
            len(self.different),
            parked=len(parked),
            differences=self.different[:TOLD_MAX],
            unsure=[Unsure(key, columns) for key, columns in unsure.items()][:TOLD_MAX],
            failing=list(failing.values())[:TOLD_MAX],
        )

    def _differences(self, keys: Sequence[Key]) -> Iterator[Difference]:
        folded, names = self.refold.ledger.kept[self._projection.name], self._keeper.names
        for key in sorted(keys, key=key_text):
            here, there = self._kept.get(key), folded.get(key)
            if here is None:
                yield Difference(key, "missing")
            elif there is None:
                yield Difference(key, "too many")
            else:
                both = dict(zip(names, zip(here, there, strict=True), strict=True))
                yield Difference(key, "different", {name: both[name] for name in differing(names, here, there)})


def _any_of(parts: Sequence[Group]) -> Owns:
    return lambda key: any(each.owns is None or each.owns(key) for each in parts)


def since_of(parked: Sequence[Parked], group: Group) -> dict[str, dict[Key, int]]:
    """The parked keys by read model."""
    found: dict[str, dict[Key, int]] = {each.name: {} for each in group.projections}
    tables = {each.name: each.table for each in group.projections}
    for each in parked:
        found[each.read_model][key_from(tables[each.read_model], each.key)] = each.since
    return found
