"""What only a server can do to tables of read models: keep whoever makes them waiting."""

from __future__ import annotations

import asyncio

import pytest

from tests.backends.postgres.logs import Outsider
from tests.read_stores import opened
from twofold.backends.postgres import connection
from twofold.config import PostgresURL
from twofold.messages import Indexed, Key, stored_as
from twofold.projections import ReadModel, table_of

WAITS = "select max(clock_timestamp() - query_start) > interval '1 s' from pg_stat_activity where $1 = any (pg_blocking_pids(pid))"


@stored_as("families")
class Plain(ReadModel):
    family_id: Key[str]
    name: str = ""


@stored_as("families")
class Sorted(ReadModel):
    family_id: Key[str]
    name: Indexed[str] = ""


async def test_an_index_that_is_made_in_place_may_take_longer_than_any_answer(
    postgres_url: str, place: PostgresURL, beside: Outsider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.7)
    async with opened(postgres_url) as reads:
        await reads.install([table_of(Plain)])
        async with beside.transaction():
            await beside.execute(f"lock table {place.read_schema}.families in row exclusive mode")
            making = asyncio.create_task(reads.install([table_of(Sorted)]))
            while not making.done() and not await beside.fetchval(WAITS, beside.get_server_pid()):
                await beside.execute("select pg_stat_clear_snapshot()")
            assert not making.done()
        await making
