"""Generations: a read model is built anew beside the one that serves, in tables of its own, and then takes its place."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

from twofold.projections.group import Group, left_out
from twofold.projections.indexes import fitting
from twofold.projections.layout import Made
from twofold.projections.parking import Letter
from twofold.projections.projection import Projection
from twofold.projections.table import Table

_OF_GENERATION = re.compile(r"@[0-9]+\Z")

State: TypeAlias = Literal["building", "active", "retired", "rejected", "cancelled", "dropped"]
"""Retired is what others took the place of, and rejected what was rolled back from: code that was rejected or cancelled is
not built again unless somebody asks for it. Of what was cancelled or dropped only the number is left."""


class Generation(msgspec.Struct, frozen=True, array_like=True):
    """One build of the read models that share a subscription; numbers rise by one and are never used again.

    ``code`` is the fingerprint of the folds that made it; ``tables`` are the names of its read models, or of the tables
    that a SQL projection has made.
    """

    subscription: str
    number: int
    code: str
    state: State
    tables: tuple[str, ...]

    @property
    def dropped(self) -> State:
        """Its state when its tables are gone: what must not be built again is known on."""
        if self.state == "building":
            return "cancelled"
        return "dropped" if self.state == "retired" else self.state


class Switch(msgspec.Struct, frozen=True):
    """The change from one generation to another, of what was ``made`` for each (as it is named when active).

    ``old`` and ``new`` are numbers. What was active is kept beside as ``old``. ``back`` lets the new one stand before the
    old one's position, as a generation does that was retired, and rejects the old one. What was
    not built in partitions is split into ``partitions``.
    """

    subscription: str
    old: int
    new: int
    made: tuple[Made, ...]
    back: bool = False
    partitions: int = 1

    @property
    def leaves(self) -> State:
        """What becomes of the old one."""
        return "rejected" if self.back else "retired"

    def fits(self, noted: Iterable[Generation]) -> bool:
        """Whether the old one is what serves, and the new one what waits to: others may have switched or dropped meanwhile."""
        states = {each.number: each.state for each in noted if each.subscription == self.subscription}
        serving = [number for number, state in states.items() if state == "active"]
        if serving not in ([], [self.old]):  # What was made before anybody noted generations is noted by nobody.
            return False
        return states.get(self.new, "retired") == "retired" if self.back else states.get(self.new) == "building"


def may_take_over(change: Switch, here: Mapping[str, tuple[int, int]], there: Mapping[str, tuple[int, int]]) -> bool:
    """Whether what stands beside has come as far as what serves: each given as position and epoch by checkpoint."""
    if not there or (len(there) > 1 and not change.back):
        return False  # It never moved, or is still filled in shares.
    return change.back or max((at for at, _ in here.values()), default=0) <= min(at for at, _ in there.values())


def numbered(name: str, number: int) -> str:
    """The name of something that belongs to one generation, where the active one has ``name`` itself."""
    return fitting(f"{name}__{number}")


def subscription_of(name: str, number: int) -> str:
    """The name of the checkpoint of a generation that is not active."""
    return f"{name}@{number}"


def number_in(name: str) -> int | None:
    """The generation that a checkpoint is of; None for the active one."""
    found = _OF_GENERATION.search(name)
    return int(found[0][1:]) if found else None


@lru_cache(maxsize=4096)
def active_name(name: str) -> str:
    """The subscription that a checkpoint belongs to, whichever generation it is of."""
    return _OF_GENERATION.sub("", name)


def in_generation(table: Table, number: int) -> Table:
    """The table of the active generation with this number: its indexes are called after it, because they stay when tables
    change their names."""
    if number <= 1:
        return table
    indexes = tuple(msgspec.structs.replace(index, name=numbered(index.name, number)) for index in table.indexes)
    return msgspec.structs.replace(table, indexes=indexes)


def beside(table: Table, number: int) -> Table:
    """The same table while it stands beside the active one."""
    return msgspec.structs.replace(
        in_generation(table, number),
        name=numbered(table.name, number),
        group=subscription_of(table.subscription, number),
    )


def built_beside(group: Group, number: int, skipped: Iterable[Letter] = ()) -> Group:
    """The group as it folds a generation that is not active, without the letters of the active one that were skipped."""

    def with_table(projection: Projection) -> Projection:
        other = copy.copy(projection)
        other.table = beside(projection.table, number)
        return other

    without = {numbered(name, number): some for name, some in left_out(skipped, group).items() if some}
    projections = tuple(map(with_table, group.projections))
    return Group(subscription_of(group.name, number), projections, skipped=without, sql=group.sql)
