"""Pools: bounded, with settings of our own, on the server as well as behind a transaction pooler."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.backends.postgres.logs import append, appended, event, opened
from twofold.backends.postgres import pool
from twofold.backends.postgres.address import parse_address
from twofold.backends.postgres.connection import NEWER, SETTINGS, Connections, quoted
from twofold.backends.postgres.failures import failure
from twofold.backends.postgres.log import PostgresLog
from twofold.config import PostgresURL
from twofold.errors import InvalidInputError, StoreUnavailableError
from twofold.store.criteria import Criteria
from twofold.store.pages import load_page
from twofold.store.port import Appended


def pooled(place: PostgresURL) -> PostgresURL:
    return PostgresURL(f"{place.dsn}&pooler=transaction", place.schema)


@pytest.mark.parametrize("pooler", ["", "&pooler=transaction"])
async def test_every_connection_has_our_settings(place: PostgresURL, pooler: str) -> None:
    connections = Connections(place.dsn + pooler, "one", 'two "x"', settings={"lock_timeout": "7s"})
    await connections.open()
    wanted = {**SETTINGS, "lock_timeout": "7s", "search_path": 'one, "two ""x""", pg_temp'}
    async with connections.connection() as connection:
        for name, value in wanted.items():
            if connection.get_server_version().major >= NEWER.get(name, 0):
                shown = (await connection.fetchval(f"show {name}")).replace('"one"', "one")
                assert {"1min": "60s", "2min": "120s"}.get(shown, shown) == value
    await connections.close()


@pytest.mark.parametrize("pooler", ["", "&pooler=transaction"])
async def test_a_transaction_of_somebody_who_is_frozen_is_ended_and_lets_go_of_its_locks(
    place: PostgresURL, pooler: str
) -> None:
    # Before version 17 the server has a limit only for transactions in which nothing is under way.
    limits = {"transaction_timeout": "200ms", "idle_in_transaction_session_timeout": "200ms"}
    frozen = Connections(place.dsn + pooler, settings=limits)
    others = Connections(place.dsn, settings={"lock_timeout": "60s"})
    await frozen.open()
    await others.open()
    with pytest.raises(StoreUnavailableError):
        async with frozen.transaction() as connection:
            await connection.execute("select pg_advisory_xact_lock(1, 1)")
            await connection.prepare("select 1")
            async with others.transaction() as other:
                await other.execute("select pg_advisory_xact_lock(1, 1)")
            await connection.execute("select 1")
    await others.close()
    await frozen.close()


async def test_what_may_take_long_is_not_ended(place: PostgresURL) -> None:
    connections = Connections(place.dsn, settings={"transaction_timeout": "200ms", "statement_timeout": "200ms"})
    await connections.open()
    async with connections.transaction() as connection:
        await connection.execute(load_page("twofold.backends.postgres", "reads.sql")["wait_as_long_as_it_takes"])
        await connection.execute("select pg_sleep(0.4)")
        assert await connection.fetchval("show synchronous_commit") == "on"
    await connections.close()


async def test_no_more_connections_are_made_than_allowed(place: PostgresURL) -> None:
    connections = Connections(place.dsn, size_max=3)
    await connections.open()

    async def process() -> int:
        async with connections.connection() as connection:
            return int(await connection.fetchval("select pg_backend_pid()"))

    assert len(set(await asyncio.gather(*(process() for _ in range(30))))) <= 3
    await connections.close()


async def test_whoever_finds_no_free_connection_in_time_is_told_so(
    place: PostgresURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_SECONDS", 0.05)
    connections = Connections(place.dsn, size_max=1)
    await connections.open()
    async with connections.connection():
        with pytest.raises(StoreUnavailableError, match="All 1") as refused:
            async with connections.connection():
                pass
    assert refused.value.reason == "busy"
    async with connections.connection() as connection:
        assert await connection.fetchval("select 1") == 1
    await connections.close()


async def test_a_connection_that_was_cut_off_is_replaced_and_its_place_is_not_lost(place: PostgresURL) -> None:
    connections = Connections(place.dsn, size_max=2)
    await connections.open()
    for _ in range(5):
        with suppress(StoreUnavailableError):
            async with connections.connection() as connection:
                await connection.execute("select pg_terminate_backend(pg_backend_pid())")
    async with connections.connection() as one, connections.connection() as other:
        assert await one.fetchval("select 1") == await other.fetchval("select 1") == 1
    await connections.close()


@pytest.mark.parametrize("turns", range(4))
def test_a_loop_that_ends_while_a_connection_is_given_back_ends(
    turns: int, place: PostgresURL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is cancelled then, the driver's own tasks, too, also those that have not begun."""
    monkeypatch.setattr(pool, "CLOSE_SECONDS", 0.05)
    connections = Connections(place.dsn)

    async def fail(lent: asyncio.Event) -> None:
        try:
            async with connections.connection():
                lent.set()
                for _ in range(turns):
                    await asyncio.sleep(0)
                raise LookupError
        finally:
            await connections.close()

    async def main() -> None:
        await connections.open()
        lent = asyncio.Event()
        failing.append(asyncio.create_task(fail(lent)))
        await lent.wait()

    failing: list[asyncio.Task[None]] = []
    asyncio.run(main())
    assert failing[0].done()


async def test_a_transaction_is_undone_when_its_block_raises_and_none_is_left_open(place: PostgresURL) -> None:
    connections = Connections(place.dsn, size_max=1)
    await connections.open()
    with suppress(LookupError):
        async with connections.transaction() as connection:
            await connection.execute("create temporary table t (x int)")
            raise LookupError
    async with connections.connection() as connection:
        assert not connection.is_in_transaction()
        assert await connection.fetchval("select to_regclass('t')") is None
    await connections.close()


async def test_a_read_only_transaction_cannot_write(place: PostgresURL) -> None:
    connections = Connections(place.dsn)
    await connections.open()
    with pytest.raises(StoreUnavailableError) as refused:
        async with connections.transaction(read_only=True) as connection:
            await connection.execute("create table t (x int)")
    assert refused.value.reason == "read-only"
    await connections.close()


async def test_a_log_works_behind_a_transaction_pooler_and_leaves_nothing_in_a_session(place: PostgresURL) -> None:
    behind = pooled(place)
    log = PostgresLog(behind.dsn, schema=behind.schema)
    async with opened(log):
        await appended(log, append(event("a-1", "A", "t=1")), append(event("a-1")))
        assert await appended(log, append(key="k", a_1=2)) == [Appended(3, 3, {"family-1": 1})]
        assert await appended(log, append(key="k", a_1=2)) == [Appended(3, 3, {"family-1": 1}, replayed=True)]
        assert len((await log.read(criteria=Criteria.of(tags=["t=1"]))).rows) == 1
        assert await log.wait(3, timeout_seconds=0.01) == 3
        async with log._appends._lent(failure) as bare:
            assert await bare.fetchval("select count(*) from pg_prepared_statements") <= 1
            assert await bare.fetchval("show search_path") == '"$user", public'


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db.example:5433/shop?sslmode=require", "db.example:5433/shop"),
        ("postgres://me@/shop?host=/run/pg", "/run/pg/shop"),
        ("postgresql:///shop", "local/shop"),
        ("postgresql://[::1]:5433/shop", "[::1]:5433/shop"),
        ("postgresql://me:secret@a:1,b:2/shop?target_session_attrs=primary", "a:1,b:2/shop"),
    ],
)
def test_an_address_is_shown_without_user_and_password(url: str, shown: str) -> None:
    address = parse_address(url)
    assert str(address) == shown
    assert "secret" not in repr(address)
    assert not address.through_pooler


def test_a_pooler_is_named_in_the_url_and_not_passed_to_the_driver() -> None:
    address = parse_address("postgresql://me:s%40@h/d?pooler=transaction&sslmode=require")
    assert address.through_pooler
    assert address.dsn == "postgresql://me:s%40@h/d?sslmode=require"


@pytest.mark.parametrize(
    "url", ["", "mysql://me:secret@h/d", "postgresql://me:secret@h:port/d", "postgresql://[/d?secret"]
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_address(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_identifiers_are_quoted() -> None:
    assert quoted('a"b') == '"a""b"'
