"""New code over old rows: the next generation is built beside the one that serves, and old code cannot spoil it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from twofold import (
    Aggregate,
    App,
    BehindError,
    Command,
    Event,
    Key,
    NotFoundError,
    Query,
    Reader,
    ReadModel,
    answers,
    decide,
    evolve,
    grouped,
    keeps_rows,
    stored_as,
)
from twofold.config import PostgresURL, SqliteURL, parse_url
from twofold.errors import DefinitionError, StoreRefusedError


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


@stored_as("totals")
class RenamedTotals(ReadModel):
    list_id: Key[str]
    amount: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.amount += event.amount


class Counts(ReadModel):
    list_id: Key[str]
    count: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.count += 1


async def test_old_code_that_meets_other_columns_stops_alone(store: str) -> None:
    async with App(Numbers, Totals, Counts, store=store) as old:
        await old.send(Add(list_id="l-1", amount=1))
        await old.settle()
        async with app(store, RenamedTotals) as new:
            await new.builds_done()
            receipt = await old.send(Add(list_id="l-2", amount=1))
            await old.engine.reach(["counts"], receipt.position, timeout_seconds=10)
            await held(old, "totals")
            with pytest.raises(BehindError, match="generation 2, which other code has made"):
                await old.control.wait("totals", position=receipt.position, timeout_seconds=10)
            await new.settle()


async def held(running: App, name: str) -> None:
    """Return when a process has found out that other code serves."""
    while next(each.state for each in await running.status() if each.name == name) != "held":
        await asyncio.sleep(0.01)


async def test_two_rival_codes_that_build_at_the_same_time_serve_one_after_the_other(store: str) -> None:
    await fill(store)
    async with (
        app(store, DoubledTotals).at(background=False) as one,
        app(store, TextTotals).at(background=False) as other,
    ):
        await one.rebuild("totals", switch=False)
        plan = await other.rollout._deployment.plan(other.rollout._groups["totals"])
        await one.rollout.switch("totals")
        built = await other.rollout._builds.build(plan)
        assert (plan.old, built.number) == (1, 3)
        assert await numbers_of(other) == [(1, "dropped"), (2, "retired"), (3, "active")]
        assert await other.ask(TotalOf(list_id="l-1")) == 145


async def test_there_is_nothing_to_build_on_an_empty_log_and_it_is_built_all_the_same(store: str) -> None:
    async with app(store, Totals) as running:
        (built,) = await running.rebuild(Totals)
        assert (built.number, built.state) == (2, "active")
        await running.send(Add(list_id="l-1", amount=5))
        assert await running.ask(TotalOf(list_id="l-1"), consistent=True) == 5


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


@pytest.mark.parametrize("verb", ["rollback", "cancel"])
async def test_code_that_was_rolled_back_or_cancelled_is_not_built_again_until_somebody_asks(
    store: str, verb: str
) -> None:
    await fill(store)
    async with app(store, DoubledTotals).at(background=False) as operator:
        await operator.rebuild(DoubledTotals, switch=verb == "rollback")
        await (operator.rollout.rollback("totals") if verb == "rollback" else operator.rollout.cancel("totals"))
    async with app(store, DoubledTotals) as again:
        await again.builds_done()
        with pytest.raises(BehindError, match="was (rolled back|cancelled), and generation 1 serves as it is"):
            await again.ask(TotalOf(list_id="l-1"), consistent=True)
        assert await again.ask(TotalOf(list_id="l-1")) == 145
        (held,) = await again.status()
        assert (held.state, held.position) == ("held", 30)
        (built,) = await again.rebuild(DoubledTotals)
        assert (built.number, built.state) == (3, "active")
        assert await again.ask(TotalOf(list_id="l-1"), consistent=True) == 290


async def test_rolled_back_rows_are_followed_by_the_code_that_made_them(store: str) -> None:
    await fill(store)
    async with app(store, DoubledTotals) as new:
        await new.builds_done()
        receipt = await new.send(Add(list_id="l-1", amount=100))
        assert await new.ask(TotalOf(list_id="l-1"), after=receipt) == 490
        await new.rollout.rollback("totals")
        with pytest.raises(NotFoundError, match="No retired generation of totals"):
            await new.rollout.rollback("totals")
    async with app(store, Totals) as old:
        assert await old.ask(TotalOf(list_id="l-1"), consistent=True) == 245


async def test_whoever_follows_notices_that_an_older_generation_was_taken_back(store: str) -> None:
    await fill(store)
    async with app(store, Totals) as running, app(store, Totals).at(background=False) as operator:
        await running.rebuild(Totals)
        receipt = await running.send(Add(list_id="l-1", amount=100))
        assert await running.ask(TotalOf(list_id="l-1"), after=receipt) == 245
        await operator.rollout.rollback("totals")
        await operator.control.wait("totals")
        assert await running.ask(TotalOf(list_id="l-1"), after=receipt) == 245


async def test_a_process_that_takes_it_back_itself_answers_nothing_from_before_a_receipt(store: str) -> None:
    await fill(store)
    async with app(store, Totals) as running:
        await running.rebuild(Totals)
        receipt = await running.send(Add(list_id="l-1", amount=100))
        await running.settle()
        await running.rollout.rollback("totals")
        assert await running.ask(TotalOf(list_id="l-1"), after=receipt) == 245


async def test_other_code_is_built_before_the_first_event_too(store: str) -> None:
    async with app(store, Totals).at(background=False) as old:
        await old.settle()
        async with app(store, DoubledTotals) as new:
            await new.builds_done()
            assert await numbers_of(new) == [(1, "retired"), (2, "active")]
            receipt = await new.send(Add(list_id="l-1", amount=1))
            await old.settle()
            with pytest.raises(BehindError, match="totals is at generation 2, which other code has made"):
                await old.ask(TotalOf(list_id="l-1"), after=receipt)
            assert await new.ask(TotalOf(list_id="l-1"), after=receipt) == 2


async def test_what_was_replaced_before_the_first_event_can_be_taken_back(store: str) -> None:
    async with app(store, Totals).at(background=False) as running:
        await running.rebuild(Totals)
        await running.rollout.rollback("totals")
        assert await numbers_of(running) == [(1, "active"), (2, "rejected")]


async def test_old_code_whose_column_is_gone_stops_alone_and_says_why(store: str) -> None:
    async with App(Numbers, WiderTotals, Counts, store=store, background=False) as old:
        await old.settle()
        async with app(store, Totals).at(background=False) as new:
            await new.rebuild(Totals)
            await new.send(Add(list_id="l-1", amount=1))
        while await old.engine.step():
            pass
        counts, totals = await old.status()
        assert (counts.name, counts.state, counts.position) == ("counts", "running", 1)
        assert (totals.name, totals.state) == ("totals", "held")
        assert "which other code has made" in str(totals.error)


async def test_what_is_built_to_wait_serves_when_it_is_switched(store: str) -> None:
    await fill(store)
    async with app(store, DoubledTotals).at(background=False) as operator:
        with pytest.raises(NotFoundError, match="No generation beside totals"):
            await operator.rollout.switch("totals")
        await operator.rebuild("totals", switch=False, verify=True)
        assert await operator.ask(TotalOf(list_id="l-1")) == 145
        await operator.send(Add(list_id="l-1", amount=100))
        await operator.rollout.switch("totals")
        assert await operator.ask(TotalOf(list_id="l-1")) == 490


async def test_one_generation_is_kept_to_go_back_to(store: str) -> None:
    await fill(store)
    async with app(store, Totals) as running:
        for _ in range(3):
            await running.rebuild(Totals)
        assert await numbers_of(running) == [(1, "dropped"), (2, "dropped"), (3, "retired"), (4, "active")]
        assert await running.ask(TotalOf(list_id="l-1"), consistent=True) == 145


async def test_where_builds_wait_to_be_asked_for_a_changed_definition_is_refused(store: str) -> None:
    await fill(store)
    with pytest.raises(StoreRefusedError, match="twofold projections rebuild totals"):
        await app(store, TextTotals).at(rebuild="manual").start()
    async with app(store, TextTotals).at(background=False) as operator:
        await operator.rebuild(TextTotals)
    async with app(store, TextTotals).at(rebuild="manual") as new:
        assert await new.ask(TotalOf(list_id="l-1"), consistent=True) == 145


async def test_where_builds_wait_to_be_asked_for_changed_folds_go_on_with_a_warning(
    store: str, caplog: pytest.LogCaptureFixture
) -> None:
    await fill(store)
    async with app(store, DoubledTotals).at(rebuild="manual") as new:
        receipt = await new.send(Add(list_id="l-1", amount=100))
        assert await new.ask(TotalOf(list_id="l-1"), after=receipt) == 345
        assert await numbers_of(new) == [(1, "active")]
    assert "twofold projections rebuild totals builds it anew" in caplog.text


async def test_code_that_keeps_the_rows_of_other_code_builds_nothing(store: str) -> None:
    await fill(store)
    async with app(store, Totals) as old:
        standing = (await old.rollout.standings())["totals"]

    @keeps_rows(standing.made_by)
    @stored_as("totals")
    class Rewritten(ReadModel):
        list_id: Key[str]
        total: int = 0

        @evolve
        def was_added(self, event: Added) -> None:
            self.total = self.total + event.amount

    async with app(store, Rewritten) as new:
        await new.builds_done()
        assert await numbers_of(new) == [(1, "active")]
        receipt = await new.send(Add(list_id="l-1", amount=100))
        assert await new.ask(TotalOf(list_id="l-1"), after=receipt) == 245
        assert (await new.rollout.standings())["totals"].made_by != standing.made_by


def test_what_is_no_fingerprint_is_not_kept() -> None:
    with pytest.raises(DefinitionError, match="has no fingerprint: 'v1'"):
        keeps_rows("v1")(Totals)


@grouped("both")
class One(ReadModel):
    list_id: Key[str]
    total: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.total += event.amount


@grouped("both")
class Two(ReadModel):
    list_id: Key[str]
    count: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.count += 1


async def test_read_models_that_share_a_checkpoint_are_built_and_verified_together(store: str) -> None:
    async with App(Numbers, One, Two, store=store) as running:
        for number in range(10):
            await running.send(Add(list_id=f"l-{number % 3}", amount=number))
        await running.settle()
        (built,) = await running.rebuild(One, "two", "both", verify=True)
        assert (built.number, built.tables, built.state) == (2, ("one", "two"), "active")
        assert (await running.verify(Two)).is_right


async def test_an_estimate_counts_events_and_rows_and_builds_nothing(store: str) -> None:
    await fill(store)
    async with app(store, Totals).at(background=False) as operator:
        estimate = await operator.rollout.estimate("totals")
        assert (estimate.events, estimate.rows) == (30, 3)
        assert await numbers_of(operator) == [(1, "active")]


async def test_what_is_not_there_cannot_be_built(store: str) -> None:
    async with App(Numbers, Counts, Totals, store=store) as running:
        with pytest.raises(NotFoundError, match="No read model nobody. Those of this app: counts, totals"):
            await running.rebuild("nobody")


async def test_an_outsider_always_finds_the_table_and_never_fewer_rows(store: str) -> None:
    counts: list[int] = []
    async with app(store, Totals) as running:
        for number in range(40):
            await running.send(Add(list_id=f"l-{number}", amount=1))
        await running.settle()
        enough = asyncio.Event()
        outsider = asyncio.create_task(look(store, enough, counts))
        for number in range(3):
            await running.rebuild(Totals)
            await running.send(Add(list_id=f"m-{number}", amount=1))
            await running.settle()
        enough.set()
        await outsider
    assert counts[0] >= 40
    assert counts == sorted(counts)
    assert len(counts) > 10


async def look(store: str, enough: asyncio.Event, counts: list[int]) -> None:
    """Count rows as a connection that knows nothing of Twofold."""
    if store.startswith("postgres"):
        place = parse_url(store)
        assert isinstance(place, PostgresURL)
        connection = await asyncpg.connect(place.dsn, server_settings={"search_path": place.read_schema})
        while not enough.is_set():
            counts.append(await connection.fetchval("select count(*) from totals"))
        await connection.close()
        return
    path = SqliteURL(Path(store.removeprefix("sqlite:///"))).reads_path
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as plain:
        while not enough.is_set():
            counts.append(plain.execute("select count(*) from totals").fetchone()[0])
            await asyncio.sleep(0)


async def test_workers_of_new_code_build_what_they_need_and_those_of_old_code_let_go(store: str) -> None:
    await fill(store)
    old = app(store, Totals).at(background="shared")
    new = [app(store, DoubledTotals).at(background="shared") for _ in range(2)]
    async with old:
        await old.control.wait(timeout_seconds=60)
        async with new[0], new[1]:
            for each in new:
                await each.builds_done()
            assert [number for number, state in await numbers_of(old) if state == "active"] == [2], (
                "built once, not twice"
            )
            receipt = await old.send(Add(list_id="l-1", amount=5))
            assert await new[0].ask(TotalOf(list_id="l-1"), after=receipt, wait_seconds=60) == 300
            board = await new[0].control.board()
            assert (board.holder("totals"), list(board.wishes)) in [(each.worker_id, []) for each in new]
            (status,) = await old.status()
            assert status.state in ("held", "stopped", "running")


async def test_a_rebuild_that_only_other_code_can_do_waits_for_a_worker_that_has_it(store: str) -> None:
    await fill(store)
    async with app(store, DoubledTotals).at(background=False) as door:
        await door.control.wish_rebuild("totals", door.rollout.code("totals"), switch=True)
        async with app(store, Totals).at(background="shared") as old:
            await old.control.wait(timeout_seconds=60)
            assert len((await old.control.board()).wishes) == 1
        async with app(store, DoubledTotals).at(background="shared") as new:
            while (await new.control.board()).wishes:
                await asyncio.sleep(0.01)
            await new.control.wait(timeout_seconds=60)
            assert await new.ask(TotalOf(list_id="l-1")) == 290
