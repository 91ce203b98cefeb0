"""Other SQL over old tables: what a projection writes itself is built beside what serves too, and takes its place."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any

import asyncpg
import pytest

from twofold import (
    Aggregate,
    App,
    Command,
    Event,
    Key,
    Query,
    Reader,
    ReadModel,
    Recorded,
    SetProjection,
    Writer,
    answers,
    decide,
    evolve,
    projects,
)
from twofold.config import PostgresURL
from twofold.errors import BehindError, StoreRefusedError


class Add(Command):
    list_id: str
    amount: int


class Added(Event):
    list_id: str
    amount: int


class Numbers(Aggregate):
    list_id: Key[str]

    @decide
    def add(self, command: Add) -> Added:
        return Added.of(command)


class SumOf(Query[int]):
    list_id: str


@answers
async def sum_of(query: SumOf, read: Reader) -> int:
    return await read.scalar(int, "select total from sums where list_id = :id", id=query.list_id) or 0


class Totals(ReadModel):
    list_id: Key[str]
    total: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.total += event.amount


SCHEMA = """
    create table sums (list_id text primary key, total bigint not null);
    create index sums_by_total on sums (total);
"""
STATEMENT = """
    insert into sums (list_id, total) select list_id, sum({each}) from events group by list_id
    on conflict (list_id) do update set total = sums.total + excluded.total
"""


def sums(each: str = "amount", schema: str = SCHEMA) -> SetProjection:
    return SetProjection("sums", Added, schema=schema, statement=STATEMENT.format(each=each))


def app(store: str, *parts: Any, **settings: Any) -> App:
    return App(Numbers, sum_of, *parts, store=store, **settings)


async def fill(running: App, count: int = 30) -> None:
    commands = [Add(list_id=f"l-{number % 3}", amount=number) for number in range(count)]
    for some in batched(commands, 50):
        await asyncio.gather(*map(running.send, some))
    await running.settle()


def batched(commands: Sequence[Add], size: int) -> list[Sequence[Add]]:
    return [commands[start : start + size] for start in range(0, len(commands), size)]


async def rows_of(running: App, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in (await running.reads.query(sql, {})).rows]


async def states_of(running: App, name: str = "sums") -> list[tuple[int, str]]:
    return [(each.number, each.state) for each in await running.reads.generations([name])]


async def beside(running: App) -> list[tuple[Any, ...]]:
    """The rows of generation 2 while it is beside."""
    place = "sums__2"
    if isinstance(running.places.reads, PostgresURL):
        place = f'"{running.places.reads.read_schema}__sums__2".sums'
    return await rows_of(running, f"select list_id, total from {place} order by list_id")


async def dropped(stopped: App) -> str:
    """Drop what stands beside as generation 2; its name."""
    reads = stopped.places.reads
    if isinstance(reads, PostgresURL):
        connection = await asyncpg.connect(reads.dsn)
        place = f"{reads.read_schema}__sums__2"
        await connection.execute(f"drop table {place}.sums")
        await connection.close()
        return f"{place}.sums"
    with closing(sqlite3.connect(str(reads.path))) as file, file:
        file.execute("drop table sums__2")
    return "sums__2"


DOUBLED = [("l-0", 270), ("l-1", 290), ("l-2", 310)]


async def test_another_statement_is_built_beside_while_the_old_one_serves_and_then_answers(store: str) -> None:
    async with app(store, sums()) as old:
        await fill(old)
        async with app(store, sums("2 * amount")) as new:
            await new.builds_done()
            assert await new.ask(SumOf(list_id="l-1"), consistent=True) == 290
            assert await states_of(new) == [(1, "retired"), (2, "active")]
            receipt = await new.send(Add(list_id="l-1", amount=5))
            assert await new.ask(SumOf(list_id="l-1"), after=receipt) == 300
            receipt = await old.send(Add(list_id="l-1", amount=7))
            assert await new.ask(SumOf(list_id="l-1"), after=receipt) == 314


async def test_tables_of_another_shape_take_the_place_of_those_that_serve_and_come_back_when_it_is_rolled_back(
    store: str,
) -> None:
    wider = """
        create table sums (list_id text primary key, total bigint not null, note text not null default 'none');
        create table sums_seen (number int primary key);
        create index sums_by_total on sums (note, total);
        insert into sums_seen values (7);
    """
    async with app(store, sums()) as old:
        await fill(old)
    async with app(store, sums("2 * amount", schema=wider)) as new:
        await new.builds_done()
        assert await rows_of(new, "select list_id, total, note from sums order by list_id") == [
            (*row, "none") for row in DOUBLED
        ]
        assert await rows_of(new, "select number from sums_seen") == [(7,)]
        await new.rollout.rollback("sums")
        assert await states_of(new) == [(1, "active"), (2, "rejected")]
        assert await rows_of(new, "select * from sums order by list_id") == [
            (name, total // 2) for name, total in DOUBLED
        ]
        with pytest.raises(Exception, match="sums_seen"):
            await rows_of(new, "select number from sums_seen")
    async with app(store, sums()) as old:
        receipt = await old.send(Add(list_id="l-1", amount=5))
        assert await old.ask(SumOf(list_id="l-1"), after=receipt) == 150


async def test_a_changed_schema_waits_for_an_operator_where_rebuilds_do(store: str) -> None:
    other = SCHEMA.replace("(total)", "(total, list_id)")
    async with app(store, sums()) as old:
        await fill(old)
    with pytest.raises(StoreRefusedError, match="twofold projections rebuild sums"):
        await app(store, sums(schema=other), rebuild="manual").start()
    async with app(store, sums(schema=other), background=False) as new:
        await new.rebuild("sums")
    async with app(store, sums(schema=other), rebuild="manual") as new:
        assert await new.ask(SumOf(list_id="l-1"), consistent=True) == 145


async def test_what_is_built_stands_beside_with_its_own_rows_until_it_is_switched_to_or_given_up(store: str) -> None:
    async with app(store, sums()) as running:
        await fill(running)
        await running.rebuild("sums", switch=False)
        assert await states_of(running) == [(1, "active"), (2, "building")]
        before = await rows_of(running, "select list_id, total from sums order by list_id")
        assert await beside(running) == before
        receipt = await running.send(Add(list_id="l-1", amount=5))
        assert await running.ask(SumOf(list_id="l-1"), after=receipt) == 150
        assert await beside(running) == before
        await running.rollout.switch("sums")
        assert await running.ask(SumOf(list_id="l-1"), consistent=True) == 150
        await running.rebuild("sums", switch=False)
        await running.rollout.cancel("sums")
        assert (await states_of(running))[-1] == (3, "cancelled")
        await running.rebuild("sums")
        assert await states_of(running) == [(1, "dropped"), (2, "retired"), (3, "cancelled"), (4, "active")]


async def test_a_build_that_was_stopped_goes_on_where_it_was_and_counts_nothing_twice(store: str) -> None:
    async with app(store, sums()) as running:
        await fill(running, 2500)
        before = await rows_of(running, "select list_id, total from sums order by list_id")
        told: list[int] = []

        async def rebuild() -> None:
            await running.rebuild("sums", tell=lambda progress: stop(progress.position))

        def stop(position: int) -> None:
            told.append(position)
            if len(told) == 1:
                building.cancel()

        building = asyncio.create_task(rebuild())
        with suppress(asyncio.CancelledError):
            await building
        assert 0 < told[0] < 2500
        await running.rebuild("sums", tell=lambda progress: told.append(progress.position))
        assert told[1] > told[0]
        assert await rows_of(running, "select list_id, total from sums order by list_id") == before
        assert (await states_of(running))[-1] == (2, "active")


async def test_a_build_whose_tables_somebody_dropped_writes_nothing_into_those_that_serve(store: str) -> None:
    async with app(store, sums()) as running:
        await fill(running)
        await running.rebuild("sums", switch=False)
        before = await rows_of(running, "select list_id, total from sums order by list_id")
    place = await dropped(running)
    async with app(store, sums(), background=False) as running:
        await running.send(Add(list_id="l-1", amount=5))
        with pytest.raises(StoreRefusedError, match=f"no table {place}.*twofold projections cancel"):
            await running.rollout.switch("sums")
        assert await rows_of(running, "select list_id, total from sums order by list_id") == before


async def test_tables_may_be_written_in_capitals(store: str) -> None:
    loud = "create table Sums (list_id text primary key, total bigint not null)"
    async with app(store, sums(schema=loud)) as running:
        await fill(running)
        await running.rebuild("sums")
    async with app(store, sums(schema=loud)) as running:
        assert await running.ask(SumOf(list_id="l-1"), consistent=True) == 145


async def test_commands_go_on_while_it_is_built_and_nothing_is_missed_at_the_switch(store: str) -> None:
    async with app(store, sums()) as running:
        await fill(running, 300)
        building = asyncio.create_task(running.rebuild("sums"))
        count = 0
        while not building.done():
            await running.send(Add(list_id="l-9", amount=1))
            count += 1
        await building
        assert await running.ask(SumOf(list_id="l-9"), consistent=True) == count > 0


async def test_a_function_that_reads_its_own_rows_finds_those_of_its_generation(store: str) -> None:
    def highest(factor: int) -> Any:
        @projects("sums", schema=SCHEMA)
        async def project(events: Sequence[Recorded[Added]], write: Writer) -> None:
            for each in events:
                found = await write.rows("select total from sums where list_id = :id", id=each.event.list_id)
                total = max([factor * each.event.amount, *(row["total"] for row in found)])
                await write.execute(
                    "insert into sums (list_id, total) values (:id, :total)"
                    " on conflict (list_id) do update set total = excluded.total",
                    id=each.event.list_id,
                    total=total,
                )

        return project

    async with app(store, highest(1000)) as old:
        await fill(old)
    async with app(store, highest(factor=1)) as new:
        await new.builds_done()
        await new.rebuild("sums")
        assert await rows_of(new, "select * from sums order by list_id") == [("l-0", 27), ("l-1", 28), ("l-2", 29)]


async def test_a_schema_that_makes_more_than_tables_is_refused_and_what_serves_goes_on(store: str) -> None:
    async with app(store, sums()) as running:
        await fill(running)
    loud = f"{SCHEMA} create view loud as select * from sums where total > 100;"
    async with app(store, sums(schema=loud), background=False) as running:
        with pytest.raises(StoreRefusedError, match="cannot be built beside itself: its schema makes the view loud"):
            await running.rebuild("sums")
        assert await states_of(running) == [(1, "active")]
        assert await rows_of(running, "select count(*) from sums") == [(3,)]


async def test_an_event_that_it_cannot_take_ends_the_build_and_what_serves_goes_on(store: str) -> None:
    smallest = "(-9223372036854775807 - 1)"
    async with app(store, sums()) as old:
        await fill(old)
    async with app(store, sums(f"abs(amount - 7 + {smallest})")) as new:
        await new.builds_done()
        with pytest.raises(BehindError, match="could not be built"):
            await new.ask(SumOf(list_id="l-1"), consistent=True, wait_seconds=0.1)
        assert (await states_of(new))[0] == (1, "active")
        assert await rows_of(new, "select total from sums order by list_id") == [(135,), (145,), (155,)]


BY_PAGE = """
    insert into sums (list_id, total) select list_id, 1 from events group by list_id
    on conflict (list_id) do update set total = sums.total + 1
"""


async def test_what_was_built_is_verified_before_it_serves(store: str) -> None:
    async with app(store, sums()) as old:
        await fill(old)
        (built,) = await old.rebuild("sums", verify=True)
        assert (built.number, built.state) == (2, "active")
    by_page = SetProjection("sums", Added, schema=SCHEMA, statement=BY_PAGE)
    async with app(store, by_page, rebuild="manual") as new:
        with pytest.raises(
            StoreRefusedError, match=r"sums is not what the log makes of it .* 3 are other ones each time"
        ):
            await new.rebuild("sums", verify=True)
        assert (2, "active") in await states_of(new)
        assert await rows_of(new, "select total from sums order by list_id") == [(135,), (145,), (155,)]


async def test_it_is_verified_while_writes_go_on(store: str) -> None:
    async with app(store, sums()) as running:
        for _ in range(5):
            _, found = await asyncio.gather(fill(running), running.verify("sums"))
            assert found.is_right
        found = await running.verify("sums")
        assert (found.position, found.keys, found.is_right) == (150, 3, True)


async def test_rows_that_other_sql_has_made_differ(store: str) -> None:
    async with app(store, sums()) as old:
        await fill(old)
    async with app(store, sums("2 * amount"), rebuild="manual") as new:
        found = await new.verify("sums")
    assert [each.columns["total"] for each in found.differences] == [("135", "270"), ("145", "290"), ("155", "310")]


async def test_only_the_newest_code_can_verify(store: str) -> None:
    async with app(store, sums()) as old:
        await fill(old)
        async with app(store, sums("2 * amount")) as new:
            await new.builds_done()
        with pytest.raises(StoreRefusedError, match="sums"):
            await old.verify("sums")


async def test_a_verification_leaves_no_table_behind(store: str) -> None:
    async with app(store, sums()) as running:
        await fill(running)
        before = await tables_of(running)
        await running.verify("sums")
        assert await tables_of(running) == before


async def tables_of(running: App) -> list[tuple[Any, ...]]:
    reads = running.places.reads
    if isinstance(reads, PostgresURL):
        schemas = f"'{reads.read_schema}', '{reads.read_schema}__sums__2'"
        return await rows_of(
            running, f"select tablename::text from pg_tables where schemaname in ({schemas}) order by 1"
        )
    return await rows_of(running, "select name from sqlite_schema order by 1")


async def test_guessing_its_time_is_not_pretended(store: str) -> None:
    async with app(store, sums()) as running:
        await fill(running)
        found = await running.rollout.estimate("sums")
        assert (found.events, found.rows, found.seconds) == (30, 3, None)
