"""The parked keys of each read model as one process knows them: read with the checkpoint, true as long as that moves from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from twofold.errors import FoldError
from twofold.projections.group import Group
from twofold.projections.parking import Parked, Since, key_from
from twofold.projections.port import ReadStore
from twofold.projections.projection import Projection
from twofold.projections.table import Key


class Lot:
    """Knows which keys are parked. At most ``parked_max`` in each read model: more are a bad deployment, not bad events.

    Each partition has a lot of its own, because it is read and moves by itself; the limit is for all together, as far as
    this process knows them.
    """

    def __init__(self, reads: ReadStore, projections: Collection[Projection], *, parked_max: int) -> None:
        self._reads = reads
        self._tables = {each.name: each.table for each in projections}
        self._parked: dict[str, dict[str, dict[Key, int]]] = {}
        self._seen: dict[str, set[Key]] = {}
        self._parked_max = parked_max

    async def read(self, groups: Collection[Group]) -> None:
        """Learn what is parked. To be called after the checkpoints were read: whoever changes either then fences us."""
        wanted = dict.fromkeys(each.name for group in groups for each in group.projections)
        parked = await self._reads.parked(list(wanted))
        self._seen |= {name: set() for name in wanted}
        for group in groups:
            own: dict[str, dict[Key, int]] = {each.name: {} for each in group.projections}
            self._parked[group.name] = own
            self.add(group, [each for each in parked if each.read_model in own])

    def of(self, group: Group, also: Iterable[Parked] = ()) -> Mapping[str, Since]:
        """What is parked in the read models of a group, and what is about to be."""
        known = self._parked.get(group.name, {})
        found = {each.name: known.get(each.name, {}) for each in group.projections}
        for each in also:
            found[each.read_model] = found[each.read_model] | {self._key(each): each.since}
        return found

    def add(self, group: Group, parked: Iterable[Parked]) -> None:
        """These are parked now, or will be with the rows that belong to it. Those of other partitions are only counted."""
        known = self._parked.setdefault(group.name, {})
        for each in parked:
            key = self._key(each)
            self._seen.setdefault(each.read_model, set()).add(key)
            if group.owns is None or group.owns(key):
                known.setdefault(each.read_model, {})[key] = each.since

    def has_room_for(self, error: FoldError, also: Collection[Parked]) -> bool:
        """Whether the key that an error is about can be parked, beside those about to be."""
        table = self._tables.get(error.read_model)
        if error.key is None or isinstance(error.key, list) or table is None or table.strong:
            return False  # Nobody knows which key is meant, or appends would go on past it.
        return self._count(error.read_model, also) < self._parked_max

    async def fits(self, parked: Collection[Parked]) -> bool:
        """Whether there still is room for these, whatever others have parked meanwhile."""
        new = {(each.read_model, each.key) for each in parked}
        there = await self._reads.parked(list({each.read_model for each in parked})) if parked else ()
        counts = Counter(name for name, _ in new.union((each.read_model, each.key) for each in there))
        return all(count <= self._parked_max for count in counts.values())

    def told(self, error: FoldError, also: Collection[Parked]) -> FoldError:
        """The error that stops a read model; where it has too many parked keys already, it says so."""
        parked = self._count(error.read_model, also)
        if error.key is None or not 0 < self._parked_max <= parked:
            return error
        return error.with_remedy(
            f"It has {parked} parked keys, and parked_max={self._parked_max}: mend the fold, start again, then twofold dead retry."
        )

    def _count(self, read_model: str, also: Collection[Parked]) -> int:
        return len(self._seen.get(read_model, ())) + sum(each.read_model == read_model for each in also)

    def _key(self, parked: Parked) -> Key:
        return key_from(self._tables[parked.read_model], parked.key)


async def count_parked(reads: ReadStore, groups: Collection[Group]) -> Mapping[str, int]:
    """How many keys are parked in each group; those without any are not in it."""
    tables = {each.name: each.table for group in groups for each in group.projections}
    found = await reads.parked(list(tables))
    counts = Counter[str]()
    for group in groups:
        own, owns = {each.name for each in group.projections}, group.owns
        for each in found:
            if each.read_model in own and (owns is None or owns(key_from(tables[each.read_model], each.key))):
                counts[group.name] += 1
    return counts
