"""What the code says against what the tables were made by: which read models go on, and which must be built anew."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

import msgspec

from twofold.errors import StoreRefusedError
from twofold.projections.amendment import amendment
from twofold.projections.fingerprint import fingerprint, joined, sql_fingerprint
from twofold.projections.generations import Generation, State, in_generation
from twofold.projections.group import Group
from twofold.projections.keeping import kept_by
from twofold.projections.port import ReadStore
from twofold.projections.projection import Projection
from twofold.projections.table import Table


class Plan(msgspec.Struct, frozen=True, eq=False):
    """A group that is to be built anew, as generation ``number`` in place of ``old``.

    ``found`` is what the last generation of the same code has come to: ``building`` is gone on with, and what was
    ``rejected`` or ``cancelled`` is built only if somebody asks for it. ``is_other`` says that the rows that are there
    cannot be gone on with, because their definition is another one.
    """

    group: Group
    old: int
    number: int
    found: State | None = None
    is_other: bool = False

    @property
    def is_banned(self) -> bool:
        return self.found in ("rejected", "cancelled")


@lru_cache(maxsize=256)
def code_of(group: Group) -> str:
    """The fingerprint of a group's code: its rows may come out otherwise when it is another."""
    if group.sql is not None:
        return sql_fingerprint(group.sql)
    return joined(map(fingerprint, group.projections))


class Deployment:
    """Compares groups with the generations of a read database."""

    def __init__(self, reads: ReadStore, groups: Collection[Group]) -> None:
        self._reads = reads
        self._groups = {group.name: group for group in groups}
        self._noted: dict[str, list[Generation]] = {}

    async def plans(self) -> list[Plan]:
        """The groups whose tables were made by other code, or from another definition that cannot be amended in place."""
        groups = self._groups.values()
        names = [each.name for group in groups for each in group.projections]
        layouts = [group.name for group in groups if group.sql is not None]
        self._noted = {name: [] for name in self._groups}
        for generation in await self._reads.generations(list(self._groups)):
            self._noted[generation.subscription].append(generation)
        definitions = await self._reads.definitions(names, layouts)
        # Tables that are not there are made at once; of a part of a group, installing says what is wrong.
        there = [group for group in groups if definitions.keys() >= _defined(group)]
        others = {group.name for group in there if self._is_other(group, definitions)}
        changed = [group for group in there if group.name in others or self._is_changed(group, definitions)]
        return [self._plan(group, is_other=group.name in others) for group in changed]

    async def plan(self, group: Group) -> Plan:
        """A build of this group that somebody asks for."""
        self._noted[group.name] = list(await self._reads.generations([group.name]))
        return self._plan(group)

    async def begin(self, plan: Plan) -> Generation:
        """Go on with the build of the same code, or begin one. What is begun has the next number that nobody has taken."""
        name, code = plan.group.name, code_of(plan.group)
        while True:
            noted = list(await self._reads.generations([name]))
            building = next((each for each in noted if each.state == "building" and each.code == code), None)
            if building is not None:
                return building
            new = Generation(name, _next(noted), code, "building", plan.group.tables)
            if await self._reads.enter(new, plan.group.made):
                return new

    async def begun(self, name: str) -> tuple[Group, Generation] | None:
        """The generation of this code that somebody builds of a group, if there is one."""
        group = self._groups[name]
        noted = await self._reads.generations([name])
        mine = [each for each in noted if each.state == "building" and each.code == code_of(group)]
        return (group, mine[0]) if mine else None

    async def serves(self, group: Group) -> bool:
        """Whether what serves now of a group was made by this code."""
        await self.plan(group)
        active = self.active(group.name)
        return active is not None and active.code == code_of(group)

    async def tidy(self, group: Group, *, keep: int) -> None:
        """Drop whatever else than this generation was kept to go back to."""
        for each in await self._reads.generations([group.name]):
            if each.state in ("retired", "rejected") and each.number != keep:
                await self._reads.drop(each, group.made)

    async def note(self, names: Collection[str]) -> bool:
        """These groups serve what this code makes; to be called when their tables are there.

        False where another process has noted something else since they were planned: plan again.
        """
        for name in names:
            if name in self._groups:
                group, active = self._groups[name], self.active(name)
                code = code_of(group)
                if active is None or active.code != code:
                    number = active.number if active is not None else 1
                    new = Generation(name, number, code, "active", group.tables)
                    if not await self._reads.enter(new, over=active):
                        return False
        return True

    def active(self, name: str) -> Generation | None:
        """The generation of a group that serves."""
        return next((each for each in self._noted.get(name, ()) if each.state == "active"), None)

    def table(self, projection: Projection) -> Table:
        """The table of a read model as the generation that serves has it."""
        active = self.active(projection.subscription)
        return in_generation(projection.table, active.number if active is not None else 1)

    def _is_other(self, group: Group, definitions: Mapping[str, str]) -> bool:
        if group.sql is not None:
            return definitions[group.name] != group.sql.layout.definition
        try:
            self._added(group, definitions)
        except StoreRefusedError as error:
            if error.reason != "definition-changed":
                raise
            return True
        return False

    def _is_changed(self, group: Group, definitions: Mapping[str, str]) -> bool:
        active = self.active(group.name)
        if active is None or active.code in kept_by(group):
            return False
        if active.code == code_of(group):
            return False
        added = self._added(group, definitions)
        return not any(added.values()) or active.code != _code_without(group, added)

    def _added(self, group: Group, definitions: Mapping[str, str]) -> Mapping[str, Collection[str]]:
        """The columns that these tables get in place, by read model. ``StoreRefusedError`` for what is not done in place."""
        return {
            each.name: {column.name for column in amendment(self.table(each), definitions[each.name]).columns}
            for each in group.projections
        }

    def _plan(self, group: Group, *, is_other: bool = False) -> Plan:
        code, noted, active = code_of(group), self._noted[group.name], self.active(group.name)
        same = [each for each in noted if each.code == code]
        building = next((each for each in same if each.state == "building"), None)
        return Plan(
            group,
            old=active.number if active is not None else 1,
            number=building.number if building is not None else _next(noted),
            found=building.state if building is not None else same[-1].state if same else None,
            is_other=is_other,
        )


def _next(noted: Sequence[Generation]) -> int:
    return max([each.number for each in noted], default=1) + 1


def _code_without(group: Group, added: Mapping[str, Collection[str]]) -> str:
    """The code of a group as if these columns were not there: new ones with a default need no other rows."""

    def without(projection: Projection) -> Projection:
        other = copy.copy(projection)
        columns = tuple(each for each in projection.table.columns if each.name not in added[projection.name])
        other.table = msgspec.structs.replace(projection.table, columns=columns)
        return other

    return joined(fingerprint(without(each)) for each in group.projections)


def _defined(group: Group) -> frozenset[str]:
    """What is kept of its definitions: one for each table, or one of all that a SQL projection makes."""
    return frozenset([group.name] if group.sql is not None else group.tables)


def split_before(group: Group, count: int) -> StoreRefusedError | None:
    """The error for a process whose code cannot fold parts of what is kept in parts."""
    if count <= 1 or group.splittable:
        return None
    return StoreRefusedError(
        f"{group.name} is kept in {count} partitions, and its rows depend on each other in this code",
        reason="partitioned",
        remedy=f"Build it anew: twofold projections rebuild {group.name}.",
    )


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


async def told_of_columns(reads: ReadStore, group: Group, error: StoreRefusedError) -> StoreRefusedError:
    """What to say where tables do not take what this code makes: that other code serves, if that is why."""
    if error.reason not in ("schema", "value"):
        return error
    return superseded(group, await reads.generations([group.name])) or error
