"""Leases where somebody is frozen in the middle of a transaction: whoever takes over does not wait for the server to notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import msgspec
import pytest

from tests.backends.postgres.logs import Outsider
from twofold.backends.postgres.connection import Connections
from twofold.backends.postgres.reads import PostgresReads
from twofold.config import PostgresURL
from twofold.errors import StoreUnavailableError
from twofold.projections import Advance
from twofold.projections.port import Arrangement
from twofold.subscriptions import Checkpoint

HELD = [
    "update twofold_checkpoints set position = 6 where name = 'a#2/2'",
    "select 1 from twofold_checkpoints where name = 'a#1/2' for update",
    "update twofold_leases set rate = 1 where name = 'a'",
]
SILENT = "select wait_event = 'ClientRead' from pg_stat_activity where pid = $1"
WAITS = "select exists (select 1 from pg_stat_activity where $1 = any (pg_blocking_pids(pid)))"
LONG, ANY = 3600.0, -1.0
"""As a lease: nobody has been silent for as long, and everybody has."""


@pytest.fixture
async def reads(place: PostgresURL) -> AsyncGenerator[PostgresReads]:
    """Read models that have moved, one of them in partitions, and whose leases have ended."""
    reads = PostgresReads(place.dsn, schema=place.read_schema)
    await reads.open()
    await reads.install([])
    start, here = Checkpoint(0, "log", 1), Checkpoint(5, "log", 1)
    assert await reads.arrange(Arrangement("a", {}, {"a#1/2": here, "a#2/2": here}))
    assert await reads.save([Advance("b", start, here)]) == [True]
    await reads.leases.take("one", ["a", "b"], seconds=ANY, fence=False)
    yield reads
    await reads.close()


@pytest.fixture
async def worker(place: PostgresURL) -> AsyncGenerator[Connections]:
    """The connections of another process of ours."""
    connections = Connections(place.dsn, place.read_schema)
    async with connections.opened():
        yield connections


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("held", HELD)
async def test_whoever_holds_it_and_has_been_silent_for_half_a_lease_is_cut_off(
    held: str, prepared: bool, reads: PostgresReads, worker: Connections, beside: Outsider
) -> None:
    before, taken = await reads.checkpoints(["a"]), frozenset[str]()
    with pytest.raises(StoreUnavailableError):
        async with worker.transaction() as frozen:
            await frozen.execute(held)
            if prepared:  # The server does not call such a transaction idle.
                await frozen.prepare("select 1")
            while not await beside.fetchval(SILENT, frozen.get_server_pid()):
                pass  # The server has answered, and is not waiting yet.
            taken = await reads.leases.take("two", ["a"], seconds=ANY)
            await frozen.execute("select 1")
    assert taken == {"a"}
    fenced = {name: msgspec.structs.replace(each, epoch=each.epoch + 1) for name, each in before.items()}
    assert await reads.checkpoints(["a"]) == fenced
    async with worker.connection() as awake:
        assert await awake.fetchval("select 1") == 1


async def test_whoever_was_heard_of_since_is_waited_for(
    place: PostgresURL, reads: PostgresReads, worker: Connections, beside: Outsider
) -> None:
    async with worker.transaction() as slow:
        await slow.execute(HELD[0])
        taking = asyncio.create_task(reads.leases.take("two", ["a"], seconds=LONG))
        await _waits_for(slow.get_server_pid(), taking, beside)
        await slow.execute("select 1")
    assert await taking == {"a"}
    assert (await reads.checkpoints(["a"]))["a#2/2"].position == 6


async def test_whoever_is_at_work_is_waited_for(reads: PostgresReads, worker: Connections, beside: Outsider) -> None:
    await beside.execute("select pg_advisory_lock(pg_backend_pid(), 1)")
    me = beside.get_server_pid()
    async with worker.transaction() as slow:
        await slow.execute(HELD[0])
        working = asyncio.create_task(slow.execute("select pg_advisory_xact_lock($1, 1)", me))
        await _waits_for(me, working, beside)
        taking = asyncio.create_task(reads.leases.take("two", ["a"], seconds=ANY))
        await _waits_for(slow.get_server_pid(), taking, beside)
        await beside.execute("select pg_advisory_unlock(pg_backend_pid(), 1)")
        await working
    assert await taking == {"a"}
    assert (await reads.checkpoints(["a"]))["a#2/2"].position == 6


async def test_whoever_sends_rows_is_waited_for(reads: PostgresReads, worker: Connections, beside: Outsider) -> None:
    """The server hears nothing but rows from him for as long as that takes."""
    taking: list[asyncio.Task[frozenset[str]]] = []

    async def lines() -> AsyncGenerator[bytes]:
        yield b"1\n"
        taking.append(asyncio.create_task(reads.leases.take("two", ["a"], seconds=ANY)))
        await _waits_for(slow.get_server_pid(), taking[0], beside)
        yield b"2\n"

    async with worker.transaction() as slow:
        await slow.execute("create temporary table rows (number int) on commit drop")
        await slow.execute(HELD[0])
        assert await slow.copy_to_table("rows", source=lines()) == "COPY 2"
    assert await taking[0] == {"a"}
    assert (await reads.checkpoints(["a"]))["a#2/2"].position == 6


async def test_whoever_holds_something_else_is_left_alone(reads: PostgresReads, worker: Connections) -> None:
    async with worker.transaction() as other:
        await other.execute("update twofold_checkpoints set position = 6 where name = 'b'")
        assert await reads.leases.take("two", ["a"], seconds=ANY) == {"a"}
    assert (await reads.checkpoints(["b"]))["b"].position == 6


async def test_another_program_is_waited_for(place: PostgresURL, reads: PostgresReads, beside: Outsider) -> None:
    tool: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(place.dsn)
    async with tool.transaction():
        await tool.execute(HELD[0].replace("twofold_checkpoints", f"{place.read_schema}.twofold_checkpoints"))
        taking = asyncio.create_task(reads.leases.take("two", ["a"], seconds=ANY))
        await _waits_for(tool.get_server_pid(), taking, beside)
    await tool.close()
    assert await taking == {"a"}
    assert (await reads.checkpoints(["a"]))["a#2/2"].position == 6


async def _waits_for(process: int, work: asyncio.Task[Any], beside: Outsider) -> None:
    """Until somebody waits for a lock of this process of the server, or the work that would do so is over."""
    while not work.done() and not await beside.fetchval(WAITS, process):
        pass
