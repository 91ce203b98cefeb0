"""Bugs in the partitions of what is followed, and in how one number of them becomes another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tests.simulation.mutants.registry import Wrong, mutant
from tests.simulation.reads import SharedReads
from twofold.projections import repartitioning
from twofold.projections.group import Group
from twofold.projections.lot import Lot
from twofold.projections.parking import Parked
from twofold.projections.port import Arrangement
from twofold.subscriptions.partition import partition_names, standing, whole


@mutant
def exchange_without_compare_and_set() -> Wrong:
    """Checkpoints are exchanged for those of other partitions though they have moved since they were read."""
    right = SharedReads.arrange

    def arrange(self: SharedReads, wanted: Arrangement) -> bool:
        found = standing(self.kept.tables.checkpoints, [wanted.subscription])
        return right(self, msgspec.structs.replace(wanted, before=found) if wanted.before else wanted)

    return SharedReads, "arrange", arrange


@mutant
def exchange_without_raising_the_epoch() -> Wrong:
    """Whoever follows a partition that is one no more is not told."""
    right = SharedReads.arrange

    def arrange(self: SharedReads, wanted: Arrangement) -> bool:
        name, checkpoints = wanted.subscription, self.kept.tables.checkpoints
        before = {each: at.epoch for each, at in checkpoints.items() if whole(each) == name}
        if not right(self, wanted):
            return False
        for each in [each for each in checkpoints if whole(each) == name]:
            checkpoints[each] = msgspec.structs.replace(checkpoints[each], epoch=before.get(each, 1))
        return True

    return SharedReads, "arrange", arrange


@mutant
def partitions_put_together_where_they_stand() -> Wrong:
    """Partitions that become one need not stand at the same position: the first says where it goes on."""

    def exchanged(group: Group, stand: Mapping[str, Any]) -> dict[str, Any]:
        names = partition_names(group.name, group.partitions)
        return {name: [*stand.values()][place % len(stand)] for place, name in enumerate(names)}

    return repartitioning, "exchanged", exchanged


@mutant
def partitions_park_the_keys_of_others() -> Wrong:
    """What is parked is not sorted by partitions: each keeps letters for all."""
    right = Lot.add

    def add(self: Lot, group: Group, parked: Iterable[Parked]) -> None:
        right(self, msgspec.structs.replace(group, owns=None), parked)

    return Lot, "add", add
