"""A rebuild parks keys in memory, and writes them with its rows: they and their letters are those of a live fold of the same log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.projections.shapes import EVENTS, Added, Customer, Named, Placed, Renumbered, made_up
from tests.read_stores import DICTS, KINDS, append, opened, registry_of, url_of
from twofold.errors import FoldError, StoreUnavailableError
from twofold.messages import Event, Key, evolve, stored_as
from twofold.projections import Projection, Projector, ReadModel, ReadStore, Table, by_stream, define, groups_of
from twofold.projections.generations import Generation
from twofold.projections.parking import Parked
from twofold.projections.port import Advance
from twofold.projections.rebuild import Rebuild
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

REGISTRY = registry_of(*EVENTS)
ORDERS = define(made_up({Placed: 3, Added: 0, Renumbered: 1}, always=True, group=False))
"""Orders that begin when they are placed, and take 13 only in part."""

POISON = Added(amount=13)


@by_stream
@stored_as("sums")
class Sum(ReadModel):
    number: Key[str]
    amounts: list[int] = []

    @evolve
    def was_added(self, event: Added) -> None:
        self.amounts.append(event.amount)
        if event.amount == 13:
            raise ValueError("an unlucky number")


SUMS = define(Sum)


class Bench:
    """One log, one read store, and rebuilds of generation 2 in it. It notes each step that is written."""

    def __init__(self, reads: ReadStore) -> None:
        self.reads, self.log, self.steps = reads, MemoryLog(), list[Advance]()
        self._save, reads.save = reads.save, self.save  # type: ignore[method-assign]  # somebody looks on

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        self.steps += advances
        return await self._save(advances)

    async def add(self, *events: tuple[int, Event]) -> None:
        for number, event in events:
            await append(self.log, f"o-{number}", event)

    async def fill(self, *poisoned: int, orders: int = 10) -> None:
        """Orders that are placed and get on, each poisoned one so much later."""
        await self.add(*((number, Placed(customer="a")) for number in range(orders)))
        for turn in range(orders):
            await self.add(*((number, Added(amount=number % 7)) for number in range(orders)))
            if turn in poisoned:
                await self.add((turn, POISON), (turn, Added(amount=1)))

    async def live(self, projection: Projection = ORDERS, parked_max: int = 100) -> None:
        await self.reads.install([projection.table])
        projector = Projector(self.reads, [projection], parked_max=parked_max)
        await Engine(self.log, REGISTRY, projector, page_max=4).settle()
        self.steps.clear()

    async def rebuild(self, *projections: Projection, **options: Any) -> Rebuild:
        (group,) = groups_of(projections or [ORDERS])
        generation = Generation(group.name, 2, "code", "building", tuple(each.name for each in group.projections))
        await self.reads.enter(generation, [each.table for each in group.projections])
        given: dict[str, Any] = {"parked_max": 100, "page_max": 5} | options
        return Rebuild(self.log, REGISTRY, self.reads, group, generation, **given)

    async def kept(self, projection: Projection) -> tuple[object, object]:
        """The rows, and what is parked with its letters."""
        rows = {projection.row_key(row): str(row) for row in await self.reads.select(projection.table, "", {})}
        parked = await self.reads.parked([projection.name])
        about = [(*_about(each), *await self.reads.letters(projection.name, each.key)) for each in parked]
        return rows, about


def _about(parked: Parked) -> tuple[object, ...]:
    return parked.key, parked.since, parked.event_type, parked.error, parked.reason, parked.place


def unlucky(count: int) -> list[tuple[int, Event]]:
    """The first events of so many orders that were never placed."""
    return [(100 + number, Added(amount=1)) for number in range(count)]


@pytest.fixture(params=[DICTS, *KINDS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, request, tmp_path)


@pytest.fixture
async def bench(url: str) -> AsyncGenerator[Bench]:
    async with opened(url) as reads:
        yield Bench(reads)


@pytest.mark.parametrize("rows_max", [1, 5, 1000])
async def test_what_is_parked_and_its_letters_are_those_of_the_live_fold(bench: Bench, rows_max: int) -> None:
    await bench.fill(2, 3, 7)
    await bench.add(*unlucky(3), *unlucky(3), (4, Renumbered(to="5")), (4, Added(amount=1)))
    await bench.live()
    rebuild = await bench.rebuild(rows_max=rows_max)
    await rebuild.catch_up()
    (built,) = rebuild.beside.projections
    _, letters = expected = await bench.kept(ORDERS)
    assert await bench.kept(built) == expected
    assert isinstance(letters, list)
    assert len(letters) == 7


@pytest.mark.parametrize("count", [1, 9])
async def test_all_is_written_in_one_step_however_many_pages_are_poisoned(bench: Bench, count: int) -> None:
    await bench.fill(*range(count))
    await bench.add(*unlucky(count))
    rebuild = await bench.rebuild()
    await rebuild.catch_up()
    (step,) = bench.steps
    assert len(step.parked) == 2 * count
    assert (step.start.position, step.end.position) == (0, (await bench.log.head()).position)


async def test_only_the_first_event_that_may_have_left_a_row_half_changed_lets_it_begin_again(bench: Bench) -> None:
    await bench.fill(*range(1, 9))
    places: list[int] = []
    rebuild = await bench.rebuild(tell=lambda progress: places.append(progress.position))
    await rebuild.catch_up()
    assert sum(later < earlier for earlier, later in pairwise(places)) == 1


@pytest.mark.parametrize("events_max", [5, 1000])
async def test_one_key_too_many_stops_it_whether_the_others_are_written_or_in_memory(
    bench: Bench, events_max: int
) -> None:
    await bench.add((1, Placed(customer="a")), *unlucky(2), *[(1, Added(amount=1))] * 20, *unlucky(3), (1, POISON))
    rebuild = await bench.rebuild(parked_max=2, events_max=events_max)
    with pytest.raises(FoldError, match="It has 2 parked keys, and parked_max=2") as stopped:
        await rebuild.catch_up()
    assert stopped.value.position == 26
    parked = await bench.reads.parked(["made_up__2"])
    assert [(each.key, each.since) for each in parked] == [('"100"', 2), ('"101"', 3)]
    assert [list(await bench.reads.letters("made_up__2", each.key)) for each in parked] == [[2, 24], [3, 25]]
    assert (await bench.reads.checkpoints(["made_up@2"]))["made_up@2"].position == 25


async def test_what_was_parked_in_memory_is_parked_again_after_a_kill(bench: Bench) -> None:
    await bench.fill(2, 3)
    await bench.add(*unlucky(2))
    await bench.live()
    killed = await bench.rebuild()
    while await killed._filling._step():
        pass
    assert bench.steps == []
    assert await bench.reads.parked(["made_up__2"]) == []
    rebuild = await bench.rebuild()
    await rebuild.catch_up()
    (built,) = rebuild.beside.projections
    assert await bench.kept(built) == await bench.kept(ORDERS)


async def test_a_database_that_is_away_parks_nothing(bench: Bench) -> None:
    await bench.fill(2)
    await bench.live()
    load, failures = bench.reads.load, [StoreUnavailableError("away", reason="away")] * 2

    async def load_or_not(table: Table, keys: Collection[Any]) -> list[Any]:
        if failures:
            raise failures.pop()
        return await load(table, keys)

    bench.reads.load = load_or_not  # type: ignore[method-assign]  # the database is away for a while
    rebuild = await bench.rebuild()
    await rebuild.catch_up()
    (built,) = rebuild.beside.projections
    assert failures == []
    assert await bench.kept(built) == await bench.kept(ORDERS)


async def test_what_others_park_meanwhile_in_their_shares_counts_when_it_is_written(bench: Bench) -> None:
    await bench.add(*((number, POISON) for number in range(12)))
    others: list[int] = []

    async def brake() -> None:
        if not others:
            await other._shares._fill_share(0)
            others.append(len(await bench.reads.parked(["sums__2"])))

    one, other = await bench.rebuild(SUMS, parked_max=9, brake=brake), await bench.rebuild(SUMS, parked_max=9)
    await one.share(2)
    with pytest.raises(FoldError, match="It has 9 parked keys, and parked_max=9"):
        await one._shares._fill_share(1)
    assert 3 <= others[0] <= 9
    assert len(await bench.reads.parked(["sums__2"])) == 9


@pytest.mark.parametrize("page_max", [1, 100])
async def test_a_key_keeps_every_event_for_all_rows_that_hold_a_value_from_where_it_is_parked(
    bench: Bench, page_max: int
) -> None:
    projection = define(made_up({Placed: 3, Added: 0, Named: 0}, always=False, group=False))
    named = ("c-a", Named(name="x"))
    for stream, event in [named, ("o-1", Added(amount=1)), ("o-2", Placed(customer="b")), named, named]:
        await append(bench.log, stream, event)
    rebuild = await bench.rebuild(projection, page_max=page_max)
    await rebuild.catch_up()
    assert await bench.reads.letters("made_up__2", '"1"') == [2, 4, 5]


@pytest.mark.parametrize("page_max", [1, 100])
async def test_whoever_looks_up_a_row_that_has_just_been_parked_is_parked_too(
    bench: Bench, page_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.projections.shapes.UNLUCKY", {"bad"})
    orders = define(made_up({Placed: 0}, always=False, group=False))
    for stream, event in [("c-b", Named(name="bad")), ("o-1", Placed(customer="b")), ("o-2", Placed(customer="a"))]:
        await append(bench.log, stream, event)
    rebuild = await bench.rebuild(define(Customer), orders, page_max=page_max)
    await rebuild.catch_up()
    parked = await bench.reads.parked(["made_up__2", "customer__2"])
    assert [(each.read_model, each.key, each.since, each.error) for each in parked] == [
        ("customer__2", '"b"', 1, "ValueError"),
        ("made_up__2", '"1"', 2, "LookupError"),
    ]


async def test_an_event_that_touches_a_row_twice_leaves_nothing_of_itself(bench: Bench) -> None:
    @stored_as("sums")
    class Sums(ReadModel):
        number: Key[str]
        amounts: list[int] = []

        @evolve(key=lambda event: ["1", str(event.amount)])
        def was_added(self, event: Added) -> None:
            self.amounts.append(event.amount)
            if self.amounts[-2:] == [1, 1] or self.amounts == [13]:
                raise ValueError("an unlucky number")

    projection = define(Sums)
    await bench.add(*((1, Added(amount=amount)) for amount in (2, 13, 3, 1, 4)))
    await bench.live(projection)
    rebuild = await bench.rebuild(projection)
    await rebuild.catch_up()
    (built,) = rebuild.beside.projections
    for each in (projection, built):
        rows = {row.number: row.amounts for row in await bench.reads.select(each.table, "", {})}
        assert rows == {"1": [2, 13, 3], "2": [2], "3": [3], "4": [4]}


async def test_a_row_whose_beginning_says_what_no_fold_may_say_is_not_begun(bench: Bench) -> None:
    @stored_as("sums")
    class Sums(ReadModel):
        number: Key[str]

        @evolve
        def was_added(self, event: Added) -> Any:
            return event.amount or None

    projection = define(Sums)
    await bench.add((1, Added(amount=0)), (2, Added(amount=7)), (3, Added(amount=0)))
    await bench.live(projection)
    rebuild = await bench.rebuild(projection)
    await rebuild.catch_up()
    (built,) = rebuild.beside.projections
    for each in (projection, built):
        assert {row.number for row in await bench.reads.select(each.table, "", {})} == {"1", "3"}
