"""The change of a strong read model from one generation to another: the last events are folded in it, if they are few."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.projections.school import EVENTS, ChildAdded, FamilyEnrolled
from tests.read_stores import KINDS, append, registry_of
from twofold.config import parse_places
from twofold.errors import FoldError, OutcomeUnknownError
from twofold.messages import Event, Key, evolve, stored_as
from twofold.projections import Group, ReadModel, define, groups_of, strong
from twofold.projections.generations import Generation, Switch, built_beside
from twofold.projections.port import AppendTransaction
from twofold.projections.rebuild import Rebuild, stand
from twofold.projections.takeover import Takeover
from twofold.rooms import Rooms, rooms_for

REGISTRY = registry_of(*EVENTS)


@strong
@stored_as("families")
class Families(ReadModel):
    family_id: Key[str]
    children: int = 0

    @evolve
    def was_added(self, event: ChildAdded) -> None:
        if event.name == "Poison":
            raise ValueError("no such name")
        self.children += 1


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
async def rooms(url: str) -> AsyncGenerator[Rooms]:
    found = rooms_for(parse_places(url), migrate=True, strong=True)
    await found.open()
    try:
        yield found
    finally:
        await found.close()


class Bench:
    """A strong group over a log that it is level with, and its next generation, which is built up to there."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms, self.group = rooms, group_of_families()
        self.change = Switch("families", 1, 2, tuple(each.table for each in self.group.projections))

    async def begin(self) -> Bench:
        tables = [each.table for each in self.group.projections]
        self.rooms.reads.know(tables)
        await self.rooms.reads.install(tables)
        await self.add(FamilyEnrolled(name="Ada"), ChildAdded(name="Bob"))
        generation = Generation("families", 2, "code", "building", ("families",))
        await self.rooms.reads.enter(generation, tables)
        rebuild = Rebuild(self.rooms.log, REGISTRY, self.rooms.reads, self.group, generation)
        await rebuild.catch_up()
        await rebuild.close()
        return self

    async def add(self, *events: Event) -> None:
        await append(self.rooms.log, "family-1", *events)

    def takeover(self, missing_max: int) -> Takeover:
        return Takeover(self.rooms.log, REGISTRY, built_beside(self.group, 2), missing_max=missing_max)

    async def children(self) -> list[int]:
        return [row.children for row in await self.rooms.reads.select(self.group.projections[0].table, "", {})]

    async def position(self, name: str) -> int | None:
        found = (await self.rooms.reads.checkpoints([name])).get(name)
        return found.position if found else None


def group_of_families() -> Group:
    (group,) = groups_of([define(Families)])
    return group


async def test_what_is_missing_is_folded_in_it(rooms: Rooms) -> None:
    bench = await Bench(rooms).begin()
    await bench.add(ChildAdded(name="Cid"), FamilyEnrolled(name="Dan"), ChildAdded(name="Eve"))
    assert await bench.takeover(3)(bench.change)
    assert (await bench.children(), await bench.position("families")) == ([3], 5)


async def test_too_much_is_left_to_the_build_and_with_each_attempt_more_is_taken(rooms: Rooms) -> None:
    bench = await Bench(rooms).begin()
    await bench.add(*[ChildAdded(name="Cid")] * 5)
    takeover = bench.takeover(2)
    assert not await takeover(bench.change)
    assert (await bench.position("families"), await bench.position("families@2")) == (None, 2)
    assert not await takeover(bench.change)
    assert await takeover(bench.change)
    assert (await bench.children(), await bench.position("families")) == ([6], 7)


async def test_an_event_that_cannot_be_folded_leaves_everything_as_it_was(rooms: Rooms) -> None:
    bench = await Bench(rooms).begin()
    await bench.add(ChildAdded(name="Cid"), ChildAdded(name="Poison"))
    with pytest.raises(FoldError, match="no such name"):
        await bench.takeover(10)(bench.change)
    assert (await bench.position("families"), await bench.position("families@2")) == (None, 2)
    assert await bench.children() == []


async def test_what_is_not_there_does_not_take_over(rooms: Rooms) -> None:
    bench = await Bench(rooms).begin()
    await rooms.reads.drop(Generation("families", 2, "code", "building", ("families",)), bench.change.made)
    assert not await bench.takeover(10)(bench.change)


async def test_one_whose_answer_is_lost_is_seen_to_be_done(rooms: Rooms) -> None:
    bench = await Bench(rooms).begin()
    takeover = bench.takeover(10)

    async def unheard(change: Switch) -> bool:
        if await takeover(change):
            raise OutcomeUnknownError("the answer was lost")
        return False

    generation = Generation("families", 2, "code", "building", ("families",))
    rebuild = Rebuild(rooms.log, REGISTRY, rooms.reads, bench.group, generation, take_over=unheard)
    assert await rebuild.switch(1) == 1
    await rebuild.close()
    assert (await bench.position("families"), await bench.position("families@2")) == (2, None)


async def test_one_that_others_have_made_before_is_over(rooms: Rooms) -> None:
    bench = await Bench(rooms).begin()
    generation = Generation("families", 2, "code", "building", ("families",))

    async def too_late(change: Switch) -> bool:
        assert await bench.takeover(10)(change)
        await stand(rooms.log, rooms.reads, "families@2")
        return await bench.takeover(10)(change)

    rebuild = Rebuild(rooms.log, REGISTRY, rooms.reads, bench.group, generation, take_over=too_late)
    assert await rebuild.switch(1) == 1
    await rebuild.close()


async def test_nothing_is_waited_for_while_appends_wait(postgres_url: str) -> None:
    rooms = rooms_for(parse_places(postgres_url), migrate=True, strong=True)
    await rooms.open()
    try:

        async def work(transaction: AppendTransaction) -> str:
            connection = transaction._connection  # type: ignore[attr-defined]
            found: str = await connection.fetchval("select current_setting('lock_timeout')")
            return found

        assert await rooms.log.between_appends(work) == "250ms"
        assert await rooms.log.append([]) == []
    finally:
        await rooms.close()
