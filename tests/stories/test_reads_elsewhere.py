"""The read models' database apart from the log's, in every pairing; and what happens while it is away."""

from __future__ import annotations

import asyncio
import uuid
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from tests.co_op import PARTS, GetFamily, enroll, pay
from tests.own_server import Server, own_server
from twofold import App, Receipt
from twofold.errors import InvalidInputError, StoreRefusedError, StoreUnavailableError
from twofold.subscriptions.status import State


@pytest.fixture(params=["sqlite to postgres", "postgres to sqlite", "sqlite to sqlite", "postgres to postgres"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The URL of a log, and that of read models in another file, schema or kind of database."""

    def url(kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path}/{name}.db"
        server: str = request.getfixturevalue("postgres_url")
        return server.replace("read_schema=", f"read_schema={name}_" if name == "log" else "read_schema=")

    log, _, reads = request.param.partition(" to ")
    return url(log, "log"), url(reads, "views")


async def total(app: App, after: Receipt | None) -> Decimal:
    found = await app.ask(GetFamily(family_id="f-1"), after=after)
    assert found is not None
    return found.total_paid


async def until(app: App, state: State) -> None:
    """Look until the read models are in that state."""
    while {each.state for each in await app.status()} != {state}:
        await asyncio.sleep(0)


async def test_read_models_live_elsewhere_and_the_log_where_it_was(places: tuple[str, str]) -> None:
    log, reads = places
    async with App(*PARTS, store=log, reads=reads) as app:
        await app.send(enroll("f-1"))
        assert await total(app, await app.send(pay("f-1", "5"))) == 5
    async with App(*PARTS).at(log, reads=reads) as app:
        assert await total(app, await app.send(pay("f-1", "6"))) == 11
    async with App(*PARTS, store=log, background=False) as app:
        assert (await app.head()).position == 3
        assert [each.position for each in await app.status()] == [0, 0], "nothing was kept beside the log"


async def test_snapshots_stay_with_the_log(places: tuple[str, str]) -> None:
    log, reads = places
    async with App(*PARTS, store=log, reads=reads) as app:
        snapshots = app._started.rooms.snapshots
        await snapshots.save_snapshot("family-f-1", "code", 1, b"kept")
    async with App(*PARTS, store=log) as app:
        assert await app._started.rooms.snapshots.load_snapshot("family-f-1", "code") == (1, b"kept")


async def test_read_models_of_another_log_are_refused(places: tuple[str, str], tmp_path: Path) -> None:
    log, reads = places
    async with App(*PARTS, store=log, reads=reads) as app:
        await app.send(enroll("f-1"))
        await app.settle()
    async with App(*PARTS, store=f"sqlite:///{tmp_path}/other.db", reads=reads) as app:
        stopped = await app.status()
        assert [each.state for each in stopped] == ["stopped", "stopped"]
        assert all("does not belong to this log" in str(each.error) for each in stopped)


async def test_a_read_database_that_is_away_is_said_at_the_start(tmp_path: Path) -> None:
    for reads in ("postgresql://nobody@127.0.0.1:1/none", f"sqlite:///{tmp_path}/no/folder/views.db"):
        app = App(*PARTS, store=f"sqlite:///{tmp_path}/log.db", reads=reads)
        with pytest.raises(StoreUnavailableError) as refused:
            await app.start()
        assert refused.value.reason == "away"
        assert not app.is_started


async def test_a_database_that_cannot_hold_every_text_is_refused(postgres_url: str, tmp_path: Path) -> None:
    name = f"d_{uuid.uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres_url.partition("&schema")[0])
    await connection.execute(
        f"create database {name} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0"
    )
    try:
        reads = postgres_url.replace("/postgres?", f"/{name}?")
        with pytest.raises(StoreRefusedError, match="The encoding is SQL_ASCII"):
            await App(*PARTS, store=f"sqlite:///{tmp_path}/log.db", reads=reads).start()
    finally:
        await connection.execute(f"drop database {name} with (force)")
        await connection.close()


async def test_while_the_read_database_is_away_commands_go_on_and_questions_say_so(tmp_path: Path) -> None:
    with own_server() as server:
        async with App(*PARTS, store=f"sqlite:///{tmp_path}/log.db", reads=server.url) as app:
            assert await total(app, await app.send(enroll("f-1"))) == 0
            server.stop()
            receipt = await app.send(pay("f-1", "5"))
            await until(app, "retrying")
            with pytest.raises(StoreUnavailableError):
                await total(app, None)
            server.start()
            assert await total(app, receipt) == 5
            assert {each.error for each in await app.status()} == {None}
            assert (await app.head()).position == 2


async def test_connections_that_the_server_ends_are_made_again(tmp_path: Path) -> None:
    with own_server() as server:
        async with App(*PARTS, store=f"sqlite:///{tmp_path}/log.db", reads=server.url) as app:
            assert await total(app, await app.send(enroll("f-1"))) == 0
            await end_connections(server)
            assert await total(app, await app.send(pay("f-1", "5"))) == 5


async def end_connections(server: Server) -> None:
    connection = await asyncpg.connect(server.url)
    await connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
    await connection.close()


@pytest.mark.parametrize("reads", ["views.db", "mysql://h/d", "sqlite:///a?mode=ro"])
def test_what_is_no_url_is_refused_by_its_name(reads: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        App(*PARTS, reads=reads)
    assert refused.value.what == "reads"


def test_another_store_brings_its_own_read_models() -> None:
    app = App(*PARTS, store="postgresql://h/log", reads="postgresql://h/views", replica="postgresql://r/views")
    moved = app.at("sqlite:///shop.db").places
    assert (str(moved.reads), moved.replica) == ("sqlite:///shop.reads.db", None)
    assert app.at(reads="postgresql://h/other").places.replica is None
    assert app.at(background=False).places == app.places
