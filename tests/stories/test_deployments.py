"""New code over old rows: the next generation is built beside the one that serves, and old code cannot spoil it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from twofold import (
    Aggregate,
    App,
    BehindError,
    Command,
    Event,
    Key,
    Query,
    Reader,
    ReadModel,
    answers,
    decide,
    evolve,
    stored_as,
)


class Add(Command):
    list_id: str
    amount: int


class Added(Event):
    amount: int


class Numbers(Aggregate):
    list_id: Key[str]

    @decide
    def add(self, command: Add) -> Added:
        return Added.of(command)


class TotalOf(Query[int]):
    list_id: str


@answers
async def total_of(query: TotalOf, read: Reader) -> int:
    found = await read.scalar(int, "select cast(total as integer) from totals where list_id = :id", id=query.list_id)
    return found or 0


@stored_as("totals")
class Totals(ReadModel):
    list_id: Key[str]
    total: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.total += event.amount


@stored_as("totals")
class DoubledTotals(ReadModel):
    list_id: Key[str]
    total: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.total += 2 * event.amount


@stored_as("totals")
class TextTotals(ReadModel):
    list_id: Key[str]
    total: str = "0"
    count: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.total, self.count = str(int(self.total) + event.amount), self.count + 1


@stored_as("totals")
class WiderTotals(ReadModel):
    list_id: Key[str]
    total: int = 0
    note: str = "none"

    @evolve
    def was_added(self, event: Added) -> None:
        self.total += event.amount


@stored_as("totals")
class BrokenTotals(ReadModel):
    list_id: Key[str]
    total: int = 0

    @evolve(key=lambda event: event.nobody)
    def was_added(self, event: Added) -> None: ...


def app(store: str, cls: type[ReadModel]) -> App:
    return App(Numbers, cls, total_of, store=store)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path}/shop.db"


async def fill(store: str, count: int = 30) -> None:
    async with app(store, Totals) as old:
        for number in range(count):
            await old.send(Add(list_id=f"l-{number % 3}", amount=number))
        assert await old.ask(TotalOf(list_id="l-1"), consistent=True) == sum(range(1, count, 3))


async def numbers_of(running: App) -> list[Any]:
    return [(each.number, each.state) for each in await running.reads.generations(["totals"])]


@pytest.mark.parametrize(("cls", "expected"), [(DoubledTotals, 290), (TextTotals, 145)])
async def test_other_code_builds_the_next_generation_and_then_answers_from_it(
    store: str, cls: type[ReadModel], expected: int
) -> None:
    await fill(store)
    async with app(store, cls) as new:
        await new.builds_done()
        assert await new.ask(TotalOf(list_id="l-1"), consistent=True) == expected
        assert await numbers_of(new) == [(1, "retired"), (2, "active")]
        receipt = await new.send(Add(list_id="l-1", amount=100))
        assert await new.ask(TotalOf(list_id="l-1"), after=receipt) > expected


async def test_the_same_code_and_a_column_with_a_default_build_nothing(store: str) -> None:
    await fill(store)
    for cls in (Totals, WiderTotals, WiderTotals):
        async with app(store, cls) as again:
            await again.builds_done()
            assert await numbers_of(again) == [(1, "active")]
            assert await again.ask(TotalOf(list_id="l-1"), consistent=True) == 145


async def test_old_code_that_still_runs_is_stopped_by_the_switch_and_spoils_nothing(store: str) -> None:
    await fill(store)
    async with app(store, Totals) as old, app(store, DoubledTotals) as new:
        await new.builds_done()
        receipt = await old.send(Add(list_id="l-1", amount=100))
        assert await new.ask(TotalOf(list_id="l-1"), after=receipt) == 490
        with suppress(BehindError):  # If it still answers, then from the new rows.
            assert await old.ask(TotalOf(list_id="l-1"), after=receipt) == 490
        for _ in range(3):
            receipt = await old.send(Add(list_id="l-1", amount=100))
            assert await new.ask(TotalOf(list_id="l-1"), after=receipt) % 200 == 90


async def test_a_question_that_needs_what_is_still_to_be_built_says_so(store: str) -> None:
    await fill(store)
    async with app(store, DoubledTotals).at(background=False) as waiting:
        with pytest.raises(BehindError, match="generation 2 of totals is to be built"):
            await waiting.ask(TotalOf(list_id="l-1"), consistent=True)
        assert await waiting.ask(TotalOf(list_id="l-1")) == 145


async def test_code_that_cannot_be_built_leaves_the_old_rows_and_says_why(store: str) -> None:
    await fill(store)
    async with app(store, BrokenTotals) as broken:
        await broken.builds_done()
        with pytest.raises(BehindError, match="could not be built.*'Added' object has no attribute 'nobody'"):
            await broken.ask(TotalOf(list_id="l-1"), consistent=True)
        assert await broken.ask(TotalOf(list_id="l-1")) == 145
    async with app(store, Totals) as again:
        await again.builds_done()
        assert await again.ask(TotalOf(list_id="l-1"), consistent=True) == 145


async def test_old_code_that_comes_back_builds_its_own_generation(store: str) -> None:
    await fill(store)
    for cls, expected in ((DoubledTotals, 290), (Totals, 145)):
        async with app(store, cls) as running:
            await running.builds_done()
            assert await running.ask(TotalOf(list_id="l-1"), consistent=True) == expected
