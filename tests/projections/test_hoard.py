"""Rows on their way to the database: which of them it has already is known exactly, because only the others may be copied in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tests.projections.school import ChildAdded, FamilyEnrolled
from twofold.messages import Event, Key, Recorded, evolve, stored_as
from twofold.projections import REMOVED, Projection, ReadModel, Removed, define, groups_of
from twofold.projections.folding import Folding
from twofold.projections.hoard import Hoard
from twofold.projections.port import Advance
from twofold.projections.table import Changes, Table
from twofold.subscriptions import Checkpoint


def families() -> Projection:
    @stored_as("families")
    class Families(ReadModel):
        family_id: Key[str]
        children: list[str] = []

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            """Nothing to keep."""

        @evolve
        def was_added(self, event: ChildAdded) -> Removed | None:
            self.children.append(event.name)
            return REMOVED if event.name == "gone" else None

    return define(Families)


class House:
    """A database of one table, and a hoard that is written to it as a rebuild does."""

    def __init__(self) -> None:
        self.projection = families()
        (self.group,) = groups_of([self.projection])
        self.rows: dict[str, Any] = {}
        self.hoard = Hoard(self, [self.projection])
        self.folding = Folding([self.projection], rows_max=0)
        self.position = 0

    async def load(self, table: Table, keys: Collection[Any]) -> list[Any]:
        return [self.rows[key] for key in keys if key in self.rows]

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        raise NotImplementedError

    async def fold(self, *names: tuple[str, str]) -> None:
        """A page of children by family."""
        events = [self._recorded(family, ChildAdded(name=name)) for family, name in names]
        page, changes = await self.folding.changed(self.hoard, self.group, events)
        start = Checkpoint(self.position - len(events), "log", 1)
        self.hoard.add(Advance("families", start, start.moved(self.position, ()), changes), page)

    def write(self) -> dict[bool, tuple[list[str], list[str]]]:
        """What is written and removed, by whether it is new."""
        advance = self.hoard.advance
        assert advance is not None
        for changes in advance.changes:
            self._keep(changes)
        self.hoard.clear()
        return {each.are_new: ([row.family_id for row in each.rows], list(each.removed)) for each in advance.changes}

    def _keep(self, changes: Changes) -> None:
        for key in changes.removed:
            del self.rows[key]
        for row in changes.rows:
            assert changes.are_new == (row.family_id not in self.rows)
            self.rows[row.family_id] = row

    def _recorded(self, family: str, event: Event) -> Recorded[Event]:
        self.position += 1
        return Recorded(event, self.position, f"family-{family}", 1, "ChildAdded", 1, b"{}", b"{}")


async def test_rows_are_new_until_they_were_written() -> None:
    house = House()
    await house.fold(("1", "Ada"), ("2", "Bob"))
    await house.fold(("1", "Abe"))
    assert house.write() == {True: (["1", "2"], [])}
    await house.fold(("3", "Eve"), ("2", "Ida"))
    await house.fold(("2", "Max"))
    assert house.write() == {False: (["2"], []), True: (["3"], [])}


async def test_what_came_and_went_without_being_written_is_not_removed() -> None:
    house = House()
    await house.fold(("1", "Ada"))
    await house.fold(("1", "gone"), ("2", "Bob"))
    assert house.write() == {True: (["2"], [])}


async def test_what_was_written_and_is_gone_is_removed_and_new_again_afterwards() -> None:
    house = House()
    await house.fold(("1", "Ada"), ("2", "Bob"))
    house.write()
    await house.fold(("1", "gone"))
    assert house.write() == {False: ([], ["1"])}
    await house.fold(("1", "Eve"))
    assert house.write() == {True: (["1"], [])}


async def test_what_is_gone_and_back_before_it_is_written_is_not_new() -> None:
    house = House()
    await house.fold(("1", "Ada"))
    house.write()
    await house.fold(("1", "gone"))
    await house.fold(("1", "Eve"))
    assert house.write() == {False: (["1"], [])}
