"""An event that a fold cannot take parks its key: its successors wait, everything else flows on, and after a fix nothing is missing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest

from tests.projections.school import ChildAdded, CourseBooked, FamilyEnrolled
from tests.projections.shapes import EVENTS as SHAPES
from tests.projections.shapes import Placed, Renumbered, made_up
from tests.read_stores import KINDS, append, opened, registry_of, statement
from twofold.errors import BehindError, FoldError, InvalidInputError, NotFoundError
from twofold.messages import Event, Indexed, Key, Registry, by, evolve, stored_as
from twofold.projections import Projection, Projector, ReadModel, ReadStore, define, grouped, groups_of
from twofold.projections.dead_letters import DeadLetters
from twofold.projections.group import left_out
from twofold.projections.parking import Letter
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

EVENTS = (FamilyEnrolled, ChildAdded, CourseBooked)
REGISTRY = registry_of(*EVENTS)


def families(*poison: str, large: bool = False) -> Projection:
    """A read model that cannot take children of these names; every version of it is the same table."""

    @stored_as("families")
    class Families(ReadModel):
        family_id: Key[str]
        name: Indexed[str] = ""
        children: list[str] = []
        number: int = 0

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.name = event.name

        @evolve
        def was_added(self, event: ChildAdded) -> None:
            if event.name in poison:
                raise ValueError(f"no {event.name}")
            self.children.append(event.name)
            self.number = 2**63 if large and event.name == "Large" else self.number

        @evolve(where="name", key=lambda event: event.course)
        def was_booked(self, event: CourseBooked) -> None:
            if "booking" in poison and self.family_id == "1":
                raise ValueError("no bookings")
            self.children.append(f"booked {event.course}")

    return define(Families)


def child(name: str, family: str = "1") -> tuple[str, Event]:
    return f"family-{family}", ChildAdded(name=name)


def enrolled(name: str, family: str) -> tuple[str, Event]:
    return f"family-{family}", FamilyEnrolled(name=name)


HISTORY = [
    enrolled("Ada", "1"),
    enrolled("Bob", "2"),
    child("Eve"),
    child("Poison"),
    child("Abe", "2"),
    child("Ida"),
    child("Max", "2"),
]


class House:
    """One log, one read store, and engines that run different versions of the code over them."""

    def __init__(self, reads: ReadStore) -> None:
        self.reads = reads
        self.log = MemoryLog()

    async def add(self, *history: tuple[str, Event]) -> None:
        for stream, event in history:
            await append(self.log, stream, event)

    def engine(self, *projections: Projection, parked_max: int = 10, registry: Registry = REGISTRY) -> Engine:
        return Engine(self.log, registry, Projector(self.reads, projections, parked_max=parked_max), page_max=3)

    async def run(self, *projections: Projection, parked_max: int = 10, registry: Registry = REGISTRY) -> Engine:
        await self.reads.install([each.table for each in projections])
        engine = self.engine(*projections, parked_max=parked_max, registry=registry)
        await engine.settle()
        return engine

    def dead(self, *projections: Projection) -> DeadLetters:
        return DeadLetters(self.log, REGISTRY, self.reads, projections)

    async def rows(self, projection: Projection) -> dict[Any, Any]:
        found = await self.reads.select(projection.table, "", {})
        return {projection.row_key(row): row for row in found}

    async def children(self, projection: Projection) -> dict[str, Sequence[str]]:
        return {key: row.children for key, row in (await self.rows(projection)).items()}


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
async def house(url: str) -> AsyncGenerator[House]:
    async with opened(url) as reads:
        yield House(reads)


async def test_the_key_waits_and_everything_else_flows_on(house: House) -> None:
    await house.add(*HISTORY)
    broken = families("Poison")
    engine = await house.run(broken)
    assert await house.children(broken) == {"1": ["Eve"], "2": ["Abe", "Max"]}
    (parked,) = await house.dead(broken).parked()
    assert (parked.read_model, parked.key, parked.since, parked.event_type) == ("families", '"1"', 4, "ChildAdded")
    assert (parked.error, parked.reason) == ("ValueError", "ValueError: no Poison")
    assert parked.place.startswith("test_parking.py:")
    assert parked.place.endswith(" was_added")
    assert [each.position for each in await house.dead(broken).letters(parked)] == [4, 6]
    (status,) = engine.status()
    assert (status.state, status.position) == ("running", len(HISTORY))


async def test_nothing_is_parked_of_a_table_that_was_dropped_and_is_filled_anew(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(families("Poison"))
    (parked,) = await house.dead(families()).parked()
    await statement(house.reads, "drop table families")
    await house.run(families())
    assert await house.children(families()) == {"1": ["Eve", "Poison", "Ida"], "2": ["Abe", "Max"]}
    assert (await house.dead(families()).parked(), await house.dead(families()).letters(parked)) == ([], [])


async def test_after_a_restart_the_successors_still_wait(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(families("Poison"))
    await house.add(child("Later"))
    mended = families()
    await house.run(mended)
    assert await house.children(mended) == {"1": ["Eve"], "2": ["Abe", "Max"]}
    (parked,) = await house.dead(mended).parked()
    assert [each.position for each in await house.dead(mended).letters(parked)] == [4, 6, 8]


async def test_a_retry_takes_them_in_order_beside_a_live_worker(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(families("Poison"))
    mended = families()
    live = await house.run(mended)
    (parked,) = await house.dead(mended).parked()
    retried = await house.dead(mended).retry(parked)
    assert (retried.before.children, retried.after.children) == (["Eve"], ["Eve", "Poison", "Ida"])
    assert (retried.unparked, retried.letters) == (True, 2)
    await house.add(child("Later"), child("Too", "2"))
    await live.settle()
    assert await house.children(mended) == {"1": ["Eve", "Poison", "Ida", "Later"], "2": ["Abe", "Max", "Too"]}
    assert await house.dead(mended).parked() == []


async def test_a_letter_that_comes_during_a_retry_is_not_lost(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(families("Poison"))
    mended = families()
    live = await house.run(mended)
    dead = house.dead(mended)
    (parked,) = await dead.parked()
    letters = house.reads.letters
    asked: list[str] = []

    async def letters_and_then_another(read_model: str, key: str) -> Sequence[int]:
        found = await letters(read_model, key)
        if not asked:
            asked.append(key)
            await house.add(child("Later"))
            await live.settle()
        return found

    house.reads.letters = letters_and_then_another  # type: ignore[method-assign]  # somebody works at the same time
    assert (await dead.retry(parked)).letters == 3
    assert (await house.children(mended))["1"] == ["Eve", "Poison", "Ida", "Later"]


async def test_a_dry_run_shows_the_row_and_changes_nothing(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(families("Poison"))
    mended = families()
    (parked,) = await house.dead(mended).parked()
    retried = await house.dead(mended).retry(parked, dry_run=True)
    assert (retried.after.children, retried.unparked) == (["Eve", "Poison", "Ida"], False)
    assert await house.children(mended) == {"1": ["Eve"], "2": ["Abe", "Max"]}
    assert list(await house.dead(mended).parked()) == [parked]


async def test_a_retry_with_the_same_fault_leaves_the_key_as_it_is(house: House) -> None:
    await house.add(*HISTORY)
    broken = families("Poison")
    await house.run(broken)
    (parked,) = await house.dead(broken).parked()
    retried = await house.dead(broken).retry(parked)
    assert isinstance(retried.error, FoldError)
    assert (retried.error.position, retried.unparked, retried.before.children) == (4, False, ["Eve"])
    assert list(await house.dead(broken).parked()) == [parked]


async def test_the_one_event_may_be_skipped_for_a_reason_that_is_kept(house: House) -> None:
    await house.add(*HISTORY)
    broken = families("Poison")
    await house.run(broken)
    (parked,) = await house.dead(broken).parked()
    with pytest.raises(InvalidInputError, match="No reason was given"):
        await house.dead(broken).retry(parked, skip_reason=" ")
    assert (await house.dead(broken).retry(parked, skip_reason="a typing error")).unparked
    assert (await house.children(broken))["1"] == ["Eve", "Ida"]
    found = await house.reads.query("select read_model, key, position, reason from twofold_skipped", {})
    assert [tuple(row) for row in found.rows] == [("families", '"1"', 4, "a typing error")]
    with pytest.raises(NotFoundError, match=r'No parked key "1" of families'):
        await house.dead(broken).retry(parked)


async def test_too_many_parked_keys_stop_the_read_model(house: House) -> None:
    await house.add(*HISTORY, child("Poison", "2"), child("Poison", "3"), child("Fine", "3"))
    broken = families("Poison")
    with pytest.raises(BehindError, match="families cannot take ChildAdded at position 9") as stopped:
        await house.run(broken, parked_max=2)
    assert "It has 2 parked keys" in str(stopped.value)
    assert [each.key for each in await house.dead(broken).parked()] == ['"1"', '"2"']


async def test_an_event_that_cannot_be_read_parks_the_key_of_its_stream(house: House) -> None:
    @stored_as("ChildAdded")
    class Older(Event):
        name: int

    await house.add(enrolled("Ada", "1"), ("family-1", Older(name=7)), child("Eve"), enrolled("Bob", "2"))
    projection = families()
    await house.run(projection)
    assert await house.children(projection) == {"1": [], "2": []}
    (parked,) = await house.dead(projection).parked()
    assert (parked.since, parked.key) == (2, '"1"')


async def test_an_event_that_cannot_be_read_and_passes_by_where_there_is_no_row_parks_nothing(house: House) -> None:
    @stored_as("Renumbered")
    class Older(Event):
        to: int

    orders = define(made_up({Placed: 2, Renumbered: 1}, always=False, group=False))
    await house.add(("o-1", Older(to=2)), ("o-1", Placed(customer="a")), ("o-1", Older(to=3)))
    await house.run(orders, registry=registry_of(*SHAPES))
    assert [(each.key, each.since) for each in await house.dead(orders).parked()] == [('"1"', 3)]


async def test_a_fan_out_parks_only_the_row_that_fails(house: House) -> None:
    await house.add(enrolled("Ada", "1"), enrolled("Ada", "2"))
    await house.add(("course-1", CourseBooked(course="Ada", families=[])), child("Eve"), child("Abe", "2"))
    broken = families("booking")
    await house.run(broken)
    assert await house.children(broken) == {"1": [], "2": ["booked Ada", "Abe"]}
    mended = families()
    (parked,) = await house.dead(mended).parked()
    await house.dead(mended).retry(parked)
    assert (await house.children(mended))["1"] == ["booked Ada", "Eve"]


async def test_a_value_that_the_database_refuses_parks_its_key(house: House) -> None:
    await house.add(*HISTORY, child("Large"), child("Sue"), child("Sam", "2"))
    broken = families(large=True)
    await house.run(broken)
    assert await house.children(broken) == {"1": ["Eve", "Poison", "Ida"], "2": ["Abe", "Max", "Sam"]}
    (parked,) = await house.dead(broken).parked()
    assert (parked.since, parked.error) == (8, "StoreRefusedError")


async def test_what_looks_up_a_parked_row_is_parked_too_and_comes_after_it(house: House) -> None:
    def course_list(families: Projection) -> Projection:
        @stored_as("course_list")
        class CourseList(ReadModel):
            course: Key[str]
            said: str = ""

            @evolve
            def was_booked(self, event: CourseBooked, family: Any) -> None:
                self.said = f"{family.name} has {len(family.children)}" if family else "nobody"

        CourseList.was_booked.__annotations__["family"] = Annotated[families.cls | None, by("course")]
        return define(CourseList)

    booking = ("course-9", CourseBooked(course="1", families=[]))
    await house.add(enrolled("Ada", "1"), child("Poison"), booking, ("course-9", CourseBooked(course="2", families=[])))
    broken = families("Poison")
    await house.run(broken, course_list(broken))
    first, second = await house.dead(broken, course_list(broken)).parked()
    assert (first.read_model, first.key, first.error) == ("course_list", '"1"', "LookupError")
    assert (second.read_model, second.key) == ("families", '"1"')
    mended = families()
    courses = course_list(mended)
    await house.run(mended, courses)
    for each in (second, first):
        assert (await house.dead(mended, courses).retry(each)).unparked
    assert {key: row.said for key, row in (await house.rows(courses)).items()} == {"1": "Ada has 1", "2": "nobody"}


async def test_what_a_parked_row_would_have_looked_like_is_no_reason_to_park_another(house: House) -> None:
    @stored_as("families")
    class Families(ReadModel):
        family_id: Key[str]
        name: str = ""

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.name = event.name
            if event.name == "Poison":
                raise ValueError("no Poison")

    @stored_as("course_list")
    class CourseList(ReadModel):
        course: Key[str]

        @evolve
        def was_booked(self, event: CourseBooked, family: Annotated[Families | None, by("course")]) -> None:
            if family is not None and family.name == "Poison":
                raise ValueError("no Poison here either")

    CourseList.was_booked.__annotations__["family"] = Annotated[Families | None, by("course")]
    read_models = define(Families), define(CourseList)
    booking = ("course-9", CourseBooked(course="1", families=[]))
    await house.add(enrolled("Ada", "1"), enrolled("Poison", "1"), booking)
    await house.run(*read_models)
    found = {each.read_model: each.reason for each in await house.dead(*read_models).parked()}
    assert found["families"] == "ValueError: no Poison"
    assert found["course_list"].startswith("LookupError")


async def test_a_page_with_many_poisoned_keys_is_not_folded_again_for_each_of_them(house: House) -> None:
    folded: list[str] = []

    @stored_as("families")
    class Families(ReadModel):
        family_id: Key[str]
        children: list[str] = []

        @evolve
        def was_added(self, event: ChildAdded) -> None:
            folded.append(event.name)
            self.children.append(event.name)
            if event.name == "Poison":
                raise ValueError("no Poison")

    families = define(Families)
    for number in range(8):
        await house.add(child("Ada", str(number)), child("Poison" if number % 2 else "Bob", str(number)))
    await house.reads.install([families.table])
    projector = Projector(house.reads, [families], parked_max=10)
    await Engine(house.log, REGISTRY, projector, page_max=100).settle()
    expected = {str(number): ["Ada"] if number % 2 else ["Ada", "Bob"] for number in range(8)}
    assert await house.children(families) == expected
    assert [each.key for each in await house.dead(families).parked()] == ['"1"', '"3"', '"5"', '"7"']
    assert folded.count("Bob") == 1 + 4  # Up to the first that fails, and without those that do.
    assert folded.count("Poison") == 4


async def test_of_many_poisoned_keys_in_a_page_only_as_many_are_parked_as_may_be(house: House) -> None:
    broken = families("Poison")
    for number in range(6):
        await house.add(enrolled("Ada", str(number)), child("Poison", str(number)))
    with pytest.raises(BehindError):
        await house.run(broken, parked_max=2)
    assert [each.key for each in await house.dead(broken).parked()] == ['"0"', '"1"']
    assert sorted(await house.rows(broken)) == ["0", "1", "2"]


async def test_a_retry_whose_row_the_database_will_not_take_leaves_the_key_parked(house: House) -> None:
    await house.add(*HISTORY, child("Large"), child("Sue"))
    broken = families(large=True)
    await house.run(broken)
    (parked,) = await house.dead(broken).parked()
    retried = await house.dead(broken).retry(parked)
    assert (retried.unparked, retried.after) == (False, None)
    assert isinstance(retried.error, FoldError)
    assert (retried.error.position, retried.error.key) == (8, '"1"')
    assert "will not take it" in retried.error.reason
    assert list(await house.dead(broken).parked()) == [parked]
    assert (await house.dead(broken).retry(parked, skip_reason="too large")).unparked
    assert (await house.children(broken))["1"] == ["Eve", "Poison", "Ida", "Sue"]


async def test_a_retry_passes_by_what_the_code_does_not_fold_any_more(house: House) -> None:
    await house.add(*HISTORY[:4], enrolled("Ada Poison", "1"), child("Ida"))
    await house.run(families("Poison"))

    @stored_as("families")
    class Fewer(ReadModel):
        family_id: Key[str]
        name: Indexed[str] = ""
        children: list[str] = []
        number: int = 0

        @evolve
        def was_added(self, event: ChildAdded) -> None:
            self.children.append(event.name)

    (parked,) = await house.dead(define(Fewer)).parked()
    retried = await house.dead(define(Fewer)).retry(parked)
    assert retried.unparked
    assert (retried.after.name, retried.after.children) == ("Ada", ["Eve", "Poison", "Ida"])


async def test_a_retry_folds_nothing_of_those_that_only_share_the_checkpoint(house: House) -> None:
    @grouped("both")
    @stored_as("course_list")
    class CourseList(ReadModel):
        course: Key[str]

        @evolve(creates=True)
        def was_booked(self, event: CourseBooked) -> None: ...

        @evolve(key=lambda event: event.name)
        def was_added(self, event: ChildAdded) -> None: ...

    def both(*poison: str) -> tuple[Projection, Projection]:
        return define(grouped("both")(families(*poison).cls)), define(CourseList)

    await house.add(("course-9", CourseBooked(course="Poison", families=[])), *HISTORY[:1], child("Poison"))
    await house.run(*both("Poison"))
    (parked,) = await house.dead(*both()).parked()
    assert (await house.dead(*both()).retry(parked)).unparked


def test_what_is_left_out_of_a_group_are_letters_of_its_own() -> None:
    (group,) = groups_of([families()])
    letters = [Letter("families", '"1"', 7), Letter("families", "[]", 8), Letter("others", '"1"', 9)]
    assert left_out(letters, group) == {"families": {("1", 7)}}
