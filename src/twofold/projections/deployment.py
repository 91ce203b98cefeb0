"""What the code says against what the tables were made by: which read models go on, and which must be built anew."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence

import msgspec

from twofold.errors import StoreRefusedError
from twofold.projections.amendment import amendment
from twofold.projections.fingerprint import fingerprint, joined
from twofold.projections.generations import Generation, in_generation
from twofold.projections.group import Group
from twofold.projections.port import ReadStore
from twofold.projections.projection import Projection
from twofold.projections.table import Table


class Plan(msgspec.Struct, frozen=True, eq=False):
    """A group that must be built anew, as this ``generation``; ``old`` is the number of the one that serves.

    ``amendable`` says that what serves can have the new columns until then, with their defaults.
    """

    group: Group
    old: int
    generation: Generation
    amendable: bool


def code_of(group: Group) -> str:
    """The fingerprint of a group's code: its rows may come out otherwise when it is another."""
    return joined(map(fingerprint, group.projections))


class Deployment:
    """Compares groups with the generations of a read database. Strong groups are not its business: they have one only."""

    def __init__(self, reads: ReadStore, groups: Collection[Group]) -> None:
        self._reads = reads
        self._groups = {group.name: group for group in groups if not group.strong}
        self._noted: dict[str, list[Generation]] = {}

    async def plans(self) -> list[Plan]:
        """The groups whose tables were made by other code, or from another definition that cannot be amended in place."""
        names = [each.name for group in self._groups.values() for each in group.projections]
        self._noted = {name: [] for name in self._groups}
        for generation in await self._reads.generations(list(self._groups)):
            self._noted[generation.subscription].append(generation)
        definitions = await self._reads.definitions(names)
        found = {name: self._amendable(group, definitions) for name, group in self._groups.items()}
        return [await self._plan(self._groups[name], yes) for name, yes in found.items() if yes is not None]

    async def note(self, names: Collection[str]) -> None:
        """These groups serve what this code makes; to be called when their tables are there."""
        for name in names:
            if name in self._groups:
                group, active = self._groups[name], self.active(name)
                code = code_of(group)
                if active is None or active.code != code:
                    number = active.number if active is not None else 1
                    await self._reads.enter(Generation(name, number, code, "active", _names(group)))

    def active(self, name: str) -> Generation | None:
        """The generation of a group that serves."""
        return next((each for each in self._noted.get(name, ()) if each.state == "active"), None)

    def table(self, projection: Projection) -> Table:
        """The table of a read model as the generation that serves has it."""
        active = self.active(projection.subscription)
        return in_generation(projection.table, active.number if active is not None else 1)

    def _amendable(self, group: Group, definitions: Mapping[str, str]) -> bool | None:
        """Whether a group that must be built anew can be amended until then; None where nothing must be built."""
        if not all(each.name in definitions for each in group.projections):
            return None  # Tables that are not there are made at once; of a part of a group, installing says what is wrong.
        try:
            added = {
                each.name: {column.name for column in amendment(self.table(each), definitions[each.name]).columns}
                for each in group.projections
            }
        except StoreRefusedError as error:
            if error.reason != "definition-changed":
                raise
            return False
        active = self.active(group.name)
        same = active is None or active.code in (code_of(group), _code_without(group, added))
        return None if same else True

    async def _plan(self, group: Group, amendable: bool) -> Plan:
        """Go on with a build of the same code, or begin one."""
        code, active = code_of(group), self.active(group.name)
        while True:
            noted = list(await self._reads.generations([group.name]))
            building = next((each for each in noted if each.state == "building" and each.code == code), None)
            if building is None:
                number = max([each.number for each in noted], default=1) + 1
                building = Generation(group.name, number, code, "building", _names(group))
                tables = [each.table for each in group.projections]
                if not await self._reads.enter(building, tables):
                    continue  # Another process was faster: look again.
            return Plan(group, active.number if active is not None else 1, building, amendable)


def _code_without(group: Group, added: Mapping[str, Collection[str]]) -> str:
    """The code of a group as if these columns were not there: new ones with a default need no other rows."""

    def without(projection: Projection) -> Projection:
        other = copy.copy(projection)
        columns = tuple(each for each in projection.table.columns if each.name not in added[projection.name])
        other.table = msgspec.structs.replace(projection.table, columns=columns)
        return other

    return joined(fingerprint(without(each)) for each in group.projections)


def _names(group: Group) -> tuple[str, ...]:
    return tuple(each.name for each in group.projections)


def superseded(group: Group, active: Sequence[Generation]) -> StoreRefusedError | None:
    """The error for a process whose code did not make what serves: its folds would spoil the rows."""
    other = next((each for each in active if each.state == "active" and each.subscription == group.name), None)
    if other is None or other.code == code_of(group):
        return None
    return StoreRefusedError(
        f"{group.name} is at generation {other.number}, which other code has made (there: {other.code}, here: {code_of(group)})",
        reason="superseded",
        remedy="Deploy that code here too, or build the read model with this one: twofold projections rebuild.",
    )
