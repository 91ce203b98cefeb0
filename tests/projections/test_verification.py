"""A read model is folded again from the log and compared exactly: what differs is named, and mended without touching the rest."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.projections.meddling import Meddling
from tests.projections.school import (
    ChildAdded,
    CourseBooked,
    FamilyEnrolled,
    FamilyView,
    MonthView,
    PaymentReceived,
    paid,
)
from tests.projections.test_shapes import Customer, Family, Order, OrderView, Renamed, Renumbered, Withdrew
from tests.read_stores import KINDS, append, opened, registry_of
from twofold.errors import InvalidInputError, NotFoundError, StoreRefusedError
from twofold.messages import Event, Indexed, Key, evolve, stored_as
from twofold.projections import (
    Changes,
    Projection,
    Projector,
    ReadModel,
    ReadStore,
    Verification,
    Verifier,
    define,
    groups_of,
)
from twofold.projections.dead_letters import DeadLetters
from twofold.projections.generations import Generation
from twofold.projections.port import Advance
from twofold.projections.verification import Difference
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

REGISTRY = registry_of(FamilyEnrolled, ChildAdded, PaymentReceived, CourseBooked, Renamed, Order, Renumbered, Withdrew)
FAMILIES, MONTHS = define(FamilyView), define(MonthView)

HISTORY: list[tuple[str, Event]] = [
    ("family-1", FamilyEnrolled(name="Ada")),
    ("family-2", FamilyEnrolled(name="Bob")),
    ("family-3", FamilyEnrolled(name="Cem")),
    ("family-1", paid("10.50")),
    ("family-2", paid("7", 2)),
    ("family-1", ChildAdded(name="Eve")),
]


class House:
    """One log, one read store, the engines that fill it, and hands that spoil rows behind their backs."""

    def __init__(self, reads: ReadStore) -> None:
        self.reads, self.log = reads, MemoryLog()

    async def add(self, *history: tuple[str, Event]) -> None:
        for stream, event in history:
            await append(self.log, stream, event)

    async def run(self, *projections: Projection, parked_max: int = 10) -> Engine:
        groups_of(projections)
        await self.reads.install([each.table for each in projections])
        projector = Projector(self.reads, projections, parked_max=parked_max)
        engine = Engine(self.log, REGISTRY, projector, page_max=2)
        await engine.settle()
        return engine

    async def spoil(self, projection: Projection, *rows: Any, removed: Sequence[Any] = ()) -> None:
        """Write rows without an event, where the checkpoint stands."""
        name = projection.subscription
        at = (await self.reads.checkpoints([name]))[name]
        assert await self.reads.save([Advance(name, at, at, [Changes(projection.table, rows, removed)])]) == [True]

    def verifier(self, *projections: Projection, rows_max: int = 1000) -> Verifier:
        return Verifier(self.log, REGISTRY, self.reads, groups_of(projections), rows_max=rows_max)

    async def verify(self, *projections: Projection, rows_max: int = 1000, **how: Any) -> Verification:
        return await self.verifier(*projections, rows_max=rows_max).verify(projections[-1].name, **how)

    async def rows(self, projection: Projection) -> dict[Any, Any]:
        return {projection.row_key(row): row for row in await self.reads.select(projection.table, "", {})}


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


async def test_rows_that_are_what_the_log_makes_of_them_are_right(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES, MONTHS)
    for projection, keys in ((FAMILIES, 3), (MONTHS, 2)):
        found = await house.verify(projection)
        assert (found.is_right, found.keys, found.position, found.differences) == (True, keys, len(HISTORY), [])


async def test_each_difference_is_named_with_what_is_kept_and_what_was_folded(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES)
    spoilt = FamilyView(family_id="1", name="Ada", total_paid=Decimal("10.5"), seen_at=4, children=["Eve", "Eve"])
    spoilt.last_payment = paid("1").date
    await house.spoil(FAMILIES, spoilt, FamilyView(family_id="9", name="Nobody"), removed=["2"])
    found = await house.verify(FAMILIES)
    assert not found.is_right
    assert (found.keys, found.different, found.healed) == (4, 3, 0)
    assert sorted(found.differences, key=lambda each: str(each.key)) == [
        Difference("1", "different", {"total_paid": ("10.5", "10.50"), "children": ('["Eve","Eve"]', '["Eve"]')}),
        Difference("2", "missing"),
        Difference("9", "too many"),
    ]


async def test_just_these_are_mended(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES)
    right = await house.rows(FAMILIES)
    await house.spoil(
        FAMILIES, FamilyView(family_id="1", name="Ida"), FamilyView(family_id="9", name="No"), removed=["2"]
    )
    found = await house.verify(FAMILIES, heal=True)
    assert (found.different, found.healed, found.is_right) == (3, 3, True)
    assert await house.rows(FAMILIES) == right
    assert (await house.verify(FAMILIES)).different == 0


async def test_a_worker_that_remembers_a_wrong_row_does_not_write_it_again(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES)
    await house.spoil(FAMILIES, FamilyView(family_id="1", name="Ida", seen_at=99))
    engine = await house.run(FAMILIES)  # It has loaded the wrong row with the next event, and keeps it in mind.
    await house.add(("family-1", ChildAdded(name="Zoe")))
    await engine.settle()
    assert (await house.verify(FAMILIES, heal=True)).healed == 1
    await house.add(("family-1", ChildAdded(name="Max")))
    await engine.settle()
    row = (await house.rows(FAMILIES))["1"]
    assert (row.name, row.total_paid, row.children) == ("Ada", Decimal("10.50"), ["Eve", "Zoe", "Max"])
    assert (await house.verify(FAMILIES)).is_right


@pytest.mark.parametrize("method", ["checkpoints", "save", "parked", "load"])
async def test_workers_that_are_faster_only_delay_it(house: House, method: str) -> None:
    await house.add(*HISTORY)
    engine = await house.run(FAMILIES)
    await house.spoil(FAMILIES, FamilyView(family_id="1", name="Ida"), FamilyView(family_id="2", name="Wrong"))
    numbers = count(1)

    async def live() -> None:
        await house.add(("family-1", paid(str(next(numbers)))), ("family-2", ChildAdded(name="Kim")))
        await engine.settle()

    meddling: Any = Meddling(house.reads, method, live, live, live)
    found = await Verifier(house.log, REGISTRY, meddling, groups_of([FAMILIES])).verify("family_view", heal=True)
    assert (found.different, found.healed) == (2, 2)
    await engine.settle()
    again = await house.verify(FAMILIES)
    assert (again.is_right, again.different) == (True, 0)
    assert (await house.rows(FAMILIES))["1"].name == "Ada"


async def test_nothing_is_mended_where_somebody_else_took_over(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES)
    await house.spoil(FAMILIES, removed=["2"])

    async def take_over() -> None:
        at = (await house.reads.checkpoints(["family_view"]))["family_view"]
        later = Advance("family_view", at, replace(at, epoch=at.epoch + 7))
        assert await house.reads.save([later]) == [True]

    meddling: Any = Meddling(house.reads, "checkpoints", take_over)
    found = await Verifier(house.log, REGISTRY, meddling, groups_of([FAMILIES])).verify("family_view", heal=True)
    assert (found.different, found.healed, found.is_right) == (1, 0, False)


async def test_rows_that_other_code_makes_meanwhile_do_not_look_like_differences(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES)
    await house.spoil(FAMILIES, removed=["2"])  # As other code might have it.

    async def deploy() -> None:
        assert await house.reads.enter(Generation("family_view", 2, "other code", "active", ("family_view",)))

    meddling: Any = Meddling(house.reads, "survey", deploy)
    with pytest.raises(StoreRefusedError, match="which other code has made"):
        await Verifier(house.log, REGISTRY, meddling, groups_of([FAMILIES])).verify("family_view")


async def test_live_writes_do_not_look_like_differences(house: House) -> None:
    await house.add(*HISTORY)
    engine = await house.run(FAMILIES)

    async def live() -> None:
        await house.add(("family-1", paid("1")))
        await engine.settle()

    meddling: Any = Meddling(house.reads, "survey", live)
    verifier = Verifier(house.log, REGISTRY, meddling, groups_of([FAMILIES]))
    progress: list[float] = []
    first = await verifier.verify("family_view", tell=progress.append)
    assert (first.is_right, first.position) == (True, len(HISTORY) + 1)
    assert progress[-1] == 1.0
    await house.add(("family-1", paid("2")))  # Not folded yet: the rows stand before it, and are right there.
    assert (await house.verify(FAMILIES)).position == len(HISTORY) + 1


async def test_what_does_not_fit_into_memory_is_verified_in_slices(house: House) -> None:
    await house.add(*((f"family-{n}", FamilyEnrolled(name=f"Name {n}")) for n in range(60)))
    await house.run(FAMILIES)
    await house.spoil(FAMILIES, FamilyView(family_id="7", name="Wrong"), removed=["8", "9"])
    progress: list[float] = []
    found = await house.verify(FAMILIES, rows_max=10, tell=progress.append, heal=True)
    assert (found.keys, found.different, found.healed) == (60, 3, 3)
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(1.0)


async def test_an_empty_table_of_many_keys_is_verified_in_slices_too(house: House) -> None:
    await house.add(*((f"family-{n}", FamilyEnrolled(name=f"Name {n}")) for n in range(60)))
    await house.run(FAMILIES)
    await house.spoil(FAMILIES, removed=[str(n) for n in range(60)])
    found = await house.verify(FAMILIES, rows_max=10)
    assert (found.keys, found.different) == (60, 60)


async def test_a_sample_is_a_part_of_the_keys_and_finds_what_is_wrong_in_it(house: House) -> None:
    await house.add(*((f"family-{n}", FamilyEnrolled(name=f"Name {n}")) for n in range(40)))
    await house.run(FAMILIES)
    assert (await house.verify(FAMILIES, sample=10)).keys == 10
    assert (await house.verify(FAMILIES, sample=100)).keys == 40
    await house.spoil(FAMILIES, *(FamilyView(family_id=str(n), name="Wrong") for n in range(40)))
    found = await house.verify(FAMILIES, sample=10, heal=True)
    assert (found.keys, found.different, found.healed) == (10, 10, 10)
    assert sum(row.name == "Wrong" for row in (await house.rows(FAMILIES)).values()) == 30
    with pytest.raises(InvalidInputError, match="A sample of 0 keys"):
        await house.verify(FAMILIES, sample=0)


async def test_a_fold_that_uses_a_clock_or_chance_is_found_out(house: House) -> None:
    ticks = count()

    @stored_as("ticking")
    class Ticking(ReadModel):
        family_id: Key[str]
        tick: int = 0

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.tick = next(ticks) if event.name == "Ada" else 0

    await house.add(*HISTORY)
    ticking = define(Ticking)
    await house.run(ticking)
    found = await house.verify(ticking, heal=True)
    assert [(each.key, each.columns) for each in found.unsure] == [("1", ["tick"])]
    assert (found.is_right, found.different, found.keys) == (False, 0, 2)


async def test_a_fold_that_only_a_restart_would_change_is_found_out(house: House) -> None:
    @stored_as("loose")
    class Loose(ReadModel):
        family_id: Key[str]
        names: dict[str, Any] = {}
        seen: str = ""

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.names = {"pair": ("a", "b")}

        @evolve
        def was_added(self, event: ChildAdded) -> None:
            self.seen = type(self.names["pair"]).__name__

    await house.add(*HISTORY)
    await house.add(*((f"family-{n}", paid("1")) for n in range(1, 4)))
    loose = define(Loose)
    await house.run(loose)
    many = [("family-7", FamilyEnrolled(name="Zed"))] * 2100
    await house.add(*many, ("family-1", ChildAdded(name="Late")))
    await house.run(loose)
    found = await house.verify(loose)
    assert [(each.key, each.columns) for each in found.unsure] == [("1", ["seen"])]


async def test_an_event_that_the_code_cannot_take_any_more_is_told_by_its_key(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES)

    @stored_as("family_view")
    class Stricter(FamilyView):
        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            if event.name == "Bob":
                raise ValueError("no Bob")
            self.name = event.name

    found = await house.verify(define(Stricter), heal=True)
    assert [(each.key, each.position, each.reason) for each in found.failing] == [("2", 2, "ValueError: no Bob")]
    assert (found.is_right, found.keys, found.different) == (False, 2, 0)


async def test_a_row_that_no_database_would_keep_is_told_by_its_key(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES)

    @stored_as("family_view")
    class Infinite(FamilyView):
        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.name = event.name
            self.total_paid = Decimal("inf") if event.name == "Bob" else Decimal(0)

    found = await house.verify(define(Infinite))
    assert [(each.key, each.position) for each in found.failing] == [("2", 2)]
    assert found.different == 0


async def test_parked_keys_are_told_apart_and_what_was_skipped_stays_left_out(house: House) -> None:
    @stored_as("family_view")
    class Picky(FamilyView):
        @evolve
        def was_added(self, event: ChildAdded) -> None:
            if event.name == "Eve":
                raise ValueError("no Eve")
            self.children.append(event.name)

    picky = define(Picky)
    await house.add(*HISTORY, ("family-1", ChildAdded(name="Ida")))
    await house.run(picky)
    found = await house.verify(picky)
    assert (found.parked, found.keys, found.different, found.is_right) == (1, 2, 0, True)
    dead = DeadLetters(house.log, REGISTRY, house.reads, [picky])
    (parked,) = await dead.parked()
    assert (await dead.retry(parked, skip_reason="Eve left")).unparked
    for version in (picky, FAMILIES):
        found = await house.verify(version)
        assert (found.parked, found.keys, found.different, found.failing, found.is_right) == (0, 3, 0, [], True)


async def test_rows_that_depend_on_each_other_are_verified_as_a_whole(house: House) -> None:
    customers, orders = define(Customer), define(OrderView)
    await house.add(
        ("customer-c", Renamed(name="Bob")),
        ("order-1", Order(customer="c")),
        ("customer-c", Renamed(name="Rob")),
        ("order-2", Order(customer="c")),
    )
    await house.run(customers, orders)
    await house.spoil(orders, OrderView(order_id="2", customer="c", name="Wrong"))
    found = await house.verify(customers, orders, rows_max=1, heal=True)
    assert found.differences == [Difference("2", "different", {"name": ("Wrong", "Rob")})]
    assert (found.keys, found.healed) == (2, 1)
    assert (await house.rows(orders))["2"].name == "Rob"
    assert (await house.verify(orders, customers, rows_max=1, sample=1)).is_right


async def test_a_wrong_row_is_mended_also_where_it_has_moved_meanwhile(house: House) -> None:
    moving = define(Family)
    await house.add(("family-1", FamilyEnrolled(name="Ada")), ("family-2", FamilyEnrolled(name="Bob")))
    engine = await house.run(moving)
    await house.spoil(moving, Family(family_id="1", name="Wrong", seen=1))

    async def move() -> None:
        await house.add(("family-1", Renumbered(to="7")))
        await engine.settle()

    meddling: Any = Meddling(house.reads, "checkpoints", move)
    found = await Verifier(house.log, REGISTRY, meddling, groups_of([moving])).verify("family", heal=True)
    assert (found.different, found.healed) == (1, 1)
    assert {key: row.name for key, row in (await house.rows(moving)).items()} == {"7": "Ada", "2": "Bob"}
    assert (await house.verify(moving)).is_right


async def test_fans_out_over_the_keys_that_are_looked_at(house: House) -> None:
    await house.add(*((f"family-{n}", FamilyEnrolled(name="Ada" if n % 2 else "Bob")) for n in range(30)))
    await house.add(("course-1", CourseBooked(course="Ada", families=[])))

    @stored_as("families")
    class Families(ReadModel):
        family_id: Key[str]
        name: Indexed[str] = ""
        booked: int = 0

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.name = event.name

        @evolve(where="name", key=lambda event: event.course)
        def was_booked(self, event: CourseBooked) -> None:
            self.booked += 1

    families = define(Families)
    await house.run(families)
    assert sum(row.booked for row in (await house.rows(families)).values()) == 15
    found = await house.verify(families, rows_max=7)
    assert (found.is_right, found.keys) == (True, 30)


async def test_a_read_model_of_another_log_is_not_compared(house: House) -> None:
    await house.add(*HISTORY)
    await house.run(FAMILIES)
    house.log = MemoryLog()
    with pytest.raises(StoreRefusedError, match="family_view does not belong to this log") as refusal:
        await house.verify(FAMILIES)
    assert refusal.value.reason == "log-disagrees"


async def test_only_read_models_of_the_app_have_a_name(house: House) -> None:
    with pytest.raises(NotFoundError, match="No read model other"):
        await house.verifier(FAMILIES).verify("other")
