"""Which databases are taken, which are refused and left as they were, and what a new schema looks like."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator

import asyncpg
import pytest

from tests.backends.postgres.logs import Outsider, append, appended, log_at, opened
from twofold.backends.postgres.log import PostgresLog
from twofold.backends.postgres.safety import objections
from twofold.config import PostgresURL
from twofold.errors import InvalidInputError, OutcomeUnknownError, StoreRefusedError, StoreUnavailableError
from twofold.store.port import Appended

SAFE: dict[str, object] = {
    "version": 140000, "replica": False, "encoding": "UTF8",
    "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
}  # fmt: skip


async def refusal(log: PostgresLog) -> StoreRefusedError:
    with pytest.raises(StoreRefusedError) as refused:
        await log.open()
    assert refused.value.remedy
    return refused.value


@pytest.fixture
async def database(place: PostgresURL, beside: Outsider) -> AsyncGenerator[PostgresURL]:
    """A database of its own, for tests that change its settings."""
    name = f"d_{uuid.uuid4().hex[:12]}"
    await beside.execute(f"create database {name}")
    yield PostgresURL(place.dsn.replace("/postgres?", f"/{name}?"), place.schema)
    await beside.execute(f"drop database {name} with (force)")


async def test_every_schema_is_another_store_and_stays_the_same_one(place: PostgresURL, log: PostgresLog) -> None:
    before = await log.head()
    assert (before.position, before.epoch) == (0, 1)
    assert str(uuid.UUID(before.store_id)) == before.store_id
    again = log_at(place)
    async with opened(again):
        assert await again.head() == before


async def test_who_never_appends_holds_no_connection_for_it(
    place: PostgresURL, log: PostgresLog, beside: Outsider
) -> None:
    held = "select count(*) from pg_stat_activity where application_name = $1"
    assert (await log.read()).rows == []
    assert await beside.fetchval(held, f"twofold append {place.schema}") == 0
    await log.append([append()])
    assert await beside.fetchval(held, f"twofold append {place.schema}") == 1


async def test_many_may_open_a_new_schema_at_once(place: PostgresURL) -> None:
    logs = [log_at(place) for _ in range(12)]
    await asyncio.gather(*(log.open() for log in logs))
    assert len({(await log.head()).store_id for log in logs}) == 1
    await asyncio.gather(*(log.close() for log in logs))


async def test_a_schema_that_is_empty_becomes_a_log(place: PostgresURL, beside: Outsider) -> None:
    await beside.execute(f"create schema {place.schema}")
    async with opened(log := log_at(place)):
        assert (await log.head()).position == 0


async def test_a_schema_may_have_any_name(place: PostgresURL, beside: Outsider) -> None:
    odd = PostgresLog(place.dsn, schema='Odd "name" of ö')
    async with opened(odd):
        assert (await appended(odd, append()))[0].last == 1
    await beside.execute('drop schema "Odd ""name"" of ö" cascade')


@pytest.mark.parametrize("schema", ["", "x" * 64, "a\x00b"])
def test_a_name_that_postgresql_would_cut_or_refuse_is_refused(place: PostgresURL, schema: str) -> None:
    with pytest.raises(InvalidInputError):
        PostgresLog(place.dsn, schema=schema)


@pytest.mark.parametrize("columns", ["name text", "migrations text"])
@pytest.mark.parametrize("table", ["customers", "migrations"])
async def test_the_schema_of_another_program_is_refused_and_left_as_it_was(
    place: PostgresURL, beside: Outsider, table: str, columns: str
) -> None:
    await beside.execute(f"create schema {place.schema}; create table {table} ({columns})")
    assert (await refusal(log_at(place))).reason == "foreign"
    tables = await beside.fetch("select relname from pg_class where relnamespace = $1::regnamespace", place.schema)
    assert [row[0] for row in tables if not row[0].startswith("pg_toast")] == [table]


async def test_a_schema_from_the_future_is_refused(place: PostgresURL, log: PostgresLog, beside: Outsider) -> None:
    await beside.execute("insert into migrations values (9999, 'flying_cars', 'c')")
    error = await refusal(log_at(place))
    assert error.reason == "future"
    assert "9999" in str(error)


async def test_a_schema_whose_migration_differs_from_ours_is_refused(
    place: PostgresURL, log: PostgresLog, beside: Outsider
) -> None:
    await beside.execute("update migrations set checksum = 'other' where number = 1")
    assert (await refusal(log_at(place))).reason == "schema-changed"


async def test_an_older_schema_is_upgraded_by_what_is_missing_only(place: PostgresURL, beside: Outsider) -> None:
    log = log_at(place)
    shipped = log._migrations._shipped
    log._migrations._shipped = shipped[:1]
    assert (await log.upgrade()).installed == 1
    log._migrations._shipped = shipped
    assert [migration.number for migration in (await log.current()).pending] == [2, 3]
    async with opened(log):
        assert (await appended(log, append()))[0] == Appended(1, 1, {"family-1": 1})


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(place: PostgresURL, beside: Outsider) -> None:
    log = log_at(place)
    first, second, *_ = log._migrations._shipped
    broken = type(second)(second.number, second.name, "c", "create table half (x int); insert into nowhere values (1)")
    log._migrations._shipped = (first, broken)
    assert (await refusal(log)).reason == "schema"
    assert (await log.current()).installed == 0
    assert await beside.fetchval("select to_regnamespace($1)", place.schema) is None


async def test_without_leave_to_migrate_nothing_is_created(place: PostgresURL, beside: Outsider) -> None:
    log = PostgresLog(place.dsn, schema=place.schema, migrate=False)
    assert (await refusal(log)).reason == "outdated"
    assert await beside.fetchval("select to_regnamespace($1)", place.schema) is None


async def test_a_log_may_be_asked_where_it_stands_and_upgraded_without_opening_it(place: PostgresURL) -> None:
    log = PostgresLog(place.dsn, schema=place.schema, migrate=False)
    assert (await log.current()).installed == 0
    now = await log.upgrade()
    assert (now.installed, now.pending) == (now.shipped, ())
    assert await log.current() == now
    async with opened(log):
        pass


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"version": 130010}, "too-old"),
        ({"replica": True}, "replica"),
        ({"encoding": "SQL_ASCII"}, "encoding"),
        ({"fsync": "off"}, "unsafe"),
        ({"full_page_writes": "off"}, "unsafe"),
        ({"synchronous_commit": "off"}, "unsafe"),
    ],
    ids=str,
)
def test_a_server_that_could_lose_what_it_acknowledged_is_refused(setting: dict[str, object], reason: str) -> None:
    ((fact, said, remedy),) = objections({**SAFE, **setting})
    assert said == reason
    assert fact
    assert remedy


@pytest.mark.parametrize("synchronous_commit", ["on", "remote_apply", "remote_write", "local"])
def test_a_server_that_waits_for_its_own_disk_is_taken(synchronous_commit: str) -> None:
    assert not list(objections({**SAFE, "synchronous_commit": synchronous_commit}))


async def test_a_database_without_synchronous_commit_is_refused_also_when_it_was_switched_off_later(
    database: PostgresURL, beside: Outsider
) -> None:
    name = await _name(database)
    async with opened(log := log_at(database)):
        await appended(log, append(key="before"))
        await beside.execute(f"alter database {name} set synchronous_commit = off")
        await beside.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        with pytest.raises(StoreRefusedError) as refused:
            await _until_refused(log)
        assert refused.value.reason == "unsafe"
        assert "local" in refused.value.remedy
    assert (await refusal(log_at(database))).reason == "unsafe"


async def _name(database: PostgresURL) -> str:
    connection = await asyncpg.connect(database.dsn)
    try:
        return str(await connection.fetchval("select current_database()"))
    finally:
        await connection.close()


async def _until_refused(log: PostgresLog) -> None:
    while True:
        try:
            await log.append([append(key="after")])
        except (StoreUnavailableError, OutcomeUnknownError):
            continue


async def test_appends_are_in_order_whatever_isolation_is_the_default(database: PostgresURL, beside: Outsider) -> None:
    await beside.execute(f"alter database {await _name(database)} set default_transaction_isolation = serializable")
    async with opened(log := log_at(database)):
        answers = await asyncio.gather(*(appended(log, append(key=f"k{number}")) for number in range(20)))
        assert sorted(answer.last for (answer,) in answers) == list(range(1, 21))


async def test_an_append_under_another_isolation_level_is_refused(log: PostgresLog, beside: Outsider) -> None:
    one = "select append_one('a-1', null, 'T', 1, '', '', '{}', null, null)"
    for level in ("repeatable read", "serializable"):
        with pytest.raises(asyncpg.PostgresError, match=level):
            await beside.execute(f"begin isolation level {level}; {one}; commit")
        await beside.execute("rollback")


@pytest.mark.parametrize(
    "url", ["postgresql://postgres:secret@127.0.0.1:1/postgres", "postgresql://postgres:secret@/postgres?host=/nowhere"]
)
async def test_a_server_that_is_not_there_is_away_and_the_password_stays_secret(url: str) -> None:
    log = PostgresLog(url)
    with pytest.raises(StoreUnavailableError) as refused:
        await log.open()
    assert refused.value.reason == "away"
    assert "secret" not in f"{refused.value} {refused.value.facts()} {log!r} {log._reads!r} {log._reads.address!r}"


async def test_a_database_that_does_not_exist_is_named_with_the_remedy(place: PostgresURL) -> None:
    log = PostgresLog(place.dsn.replace("/postgres?", "/nowhere?"))
    error = await refusal(log)
    assert error.reason == "missing"
    assert "createdb" in error.remedy


async def test_a_user_who_may_not_log_in_is_refused(place: PostgresURL) -> None:
    assert (await refusal(PostgresLog(place.dsn.replace("postgres@", "nobody:secret@")))).reason == "login"
