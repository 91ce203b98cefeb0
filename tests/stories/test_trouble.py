"""The log holds what nobody knows any more, or the database cannot write: told alike on both, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.stories.notebook import FindNote, Note, NoteView, Write, notebook
from twofold import App, OpaqueEvent
from twofold.backends.sqlite.log import SqliteLog
from twofold.config import PostgresURL, SqliteURL
from twofold.errors import FoldError, StoreUnavailableError
from twofold.store.port import Append, NewEvent


@pytest.fixture
async def app(store: str) -> AsyncIterator[App]:
    async with notebook(store) as started:
        yield started


TROUBLES = {"full": ("max_page_count = 1", "max_page_count = 1000000", "53100"), "read-only": ("query_only = on", "query_only = off", "25006")}  # fmt: skip
"""How SQLite is put into that state and out of it again, and what PostgreSQL says when it is in it."""

FAILING = """
    create function fail() returns trigger language plpgsql as $$
        begin raise exception 'no' using errcode = '{sqlstate}'; end $$;
    create trigger fails before insert on events execute function fail();
"""


@asynccontextmanager
async def trouble(app: App, reason: str) -> AsyncGenerator[None]:
    """Inside, the log's database cannot write."""
    begin, end, sqlstate = TROUBLES[reason]
    if isinstance(app.log, SqliteLog):
        database = app.log.database
        await database.run(lambda writer: writer.execute(f"pragma {begin}").close())
        yield
        await database.run(lambda writer: writer.execute(f"pragma {end}").close())
    else:
        async with beside(app.url) as connection:
            await connection.execute(FAILING.format(sqlstate=sqlstate))
            yield
            await connection.execute("drop function fail cascade")


@asynccontextmanager
async def beside(place: SqliteURL | PostgresURL) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    """Somebody else's connection to the log's schema."""
    assert isinstance(place, PostgresURL)
    connection = await asyncpg.connect(place.dsn, server_settings={"search_path": place.schema})
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("reason", TROUBLES)
async def test_a_database_that_cannot_write_says_why_and_takes_the_same_command_later(app: App, reason: str) -> None:
    large = Write(note="n-1", text="x" * 500_000)
    before = await app.send(Write(note="n-1"))
    async with trouble(app, reason):
        with pytest.raises(StoreUnavailableError) as refused:
            await app.send(large, command_id="large")
        assert (refused.value.reason, (await app.head()).position) == (reason, 1)
        assert await app.ask(FindNote(note="n-1"), after=before) == NoteView(note="n-1")
    receipt = await app.send(large, command_id="large")
    assert (receipt.position, receipt.replayed) == (2, False)


def stored(type: str, data: bytes) -> Append:
    return Append((NewEvent("note-n-1", type, 1, data, b'{"event_id":"e","recorded_at":"2010-12-01T00:00:00Z"}'),))


async def test_an_event_type_that_is_no_longer_in_the_code_stops_nobody(app: App) -> None:
    await app.log.append([stored("Forgotten", b'{"a":1}')])
    receipt = await app.send(Write(note="n-1", number=7))
    assert receipt.versions == {"note-n-1": 2}
    assert await app.ask(FindNote(note="n-1"), after=receipt) == NoteView(note="n-1", number=7)
    opaque, _ = [recorded.event async for recorded in app.events()]
    assert opaque == OpaqueEvent(
        type="Forgotten", schema=1, data=b'{"a":1}', reason="no event of that name in this app"
    )


async def test_an_event_that_cannot_be_read_parks_its_key_and_is_named(app: App) -> None:
    await app.log.append([stored("Written", b'{"text":1}')])
    with pytest.raises(FoldError, match="Note cannot take Written at position 1"):
        await app.load(Note, "n-1")
    receipt = await app.send(Write(note="n-2"))
    assert await app.ask(FindNote(note="n-2"), after=receipt) == NoteView(note="n-2")
    (status,) = await app.status()
    assert (status.state, status.position, status.parked) == ("running", 2, 1)
    (parked,) = await app.dead_letters.parked()
    assert (parked.read_model, parked.key, parked.since, parked.event_type) == ("note_view", '"n-1"', 1, "Written")
