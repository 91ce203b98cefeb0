"""Questions on a real streaming replica: what a receipt promises holds there too, however far behind it is."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import NamedTuple

import asyncpg
import pytest

from tests.co_op import PARTS, FamilyView, GetFamily, enroll, pay
from tests.own_server import Server, own_server
from twofold import App, BehindError, Receipt
from twofold.errors import InvalidInputError, StoreRefusedError
from twofold.store.port import Append, NewEvent


class Pair(NamedTuple):
    """A server and the one that repeats it. A test has schemas of its own there."""

    primary: Server
    replica: Server
    schemas: str = ""

    @property
    def store(self) -> str:
        return f"{self.primary.url}&{self.schemas}"

    def app(self, *, background: bool = True) -> App:
        return App(*PARTS, store=self.store, replica=self.replica.url, background=background, parked_max=0)


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    with own_server() as primary, own_server(repeats=primary) as replica:
        yield Pair(primary, replica)


@pytest.fixture
async def pair(servers: Pair) -> AsyncIterator[Pair]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    yield servers._replace(schemas=f"schema={name}&read_schema={name}_r")
    await resume(servers.replica)  # Whatever became of the test, the next one finds it running.


@pytest.fixture
async def app(pair: Pair) -> AsyncIterator[App]:
    async with pair.app() as started:
        yield started


async def say(server: Server, statement: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def pause(replica: Server) -> None:
    """Return when nothing more is taken over."""
    await say(replica, "select pg_wal_replay_pause()")
    while await say(replica, "select pg_get_wal_replay_pause_state()") != "paused":
        pass


async def resume(replica: Server) -> None:
    await say(replica, "select pg_wal_replay_resume()")


async def paid(app: App, after: Receipt | str | None, *, wait_seconds: float = 30.0) -> Decimal:
    family: FamilyView | None = await app.ask(GetFamily(family_id="f-1"), after=after, wait_seconds=wait_seconds)
    assert family is not None
    return family.total_paid


async def test_questions_are_answered_by_the_replica(app: App, pair: Pair) -> None:
    receipt = await app.send(enroll("f-1"))
    assert await paid(app, receipt) == 0
    found = await app._started.rooms.asked.query("select pg_is_in_recovery() as there", {})
    assert found.rows[0][0] is True


async def test_every_write_is_read_back_through_the_replica(app: App) -> None:
    await app.send(enroll("f-1"))
    for number in range(1, 21):
        assert await paid(app, await app.send(pay("f-1", "1"))) == number


async def test_a_paused_replica_is_behind_at_its_own_position_and_then_answers(app: App, pair: Pair) -> None:
    first = await app.send(enroll("f-1"))
    assert await paid(app, first) == 0
    await pause(pair.replica)
    receipt = await app.send(pay("f-1", "5"))
    await app.settle()
    with pytest.raises(BehindError) as late:
        await paid(app, receipt, wait_seconds=0.0)
    assert (late.value.read_model, late.value.position, late.value.wanted) == ("family_view", 1, 2)
    assert await paid(app, first) == 0, "what it has is enough for who asks for no more"
    await resume(pair.replica)
    assert await paid(app, receipt) == 5


async def test_who_carries_the_token_on_never_sees_time_go_back(app: App, pair: Pair) -> None:
    """From the primary to a replica that is paused: the token says what has been seen."""
    await app.send(enroll("f-1"))
    receipt = await app.send(pay("f-1", "5"))
    assert await paid(app, receipt) == 5
    await pause(pair.replica)
    newer = await app.send(pay("f-1", "1"))
    await app.settle()
    async with App(*PARTS, store=pair.store, background=False) as direct:
        assert await paid(direct, newer) == 6
    with pytest.raises(BehindError):
        await paid(app, newer.token, wait_seconds=0.0)
    await resume(pair.replica)
    assert await paid(app, newer.token) == 6


async def test_an_answer_is_as_fresh_as_the_replica_and_its_token_never_asks_for_less(app: App, pair: Pair) -> None:
    first = await app.send(enroll("f-1"))
    assert await paid(app, first) == 0
    await pause(pair.replica)
    receipt = await app.send(pay("f-1", "5"))
    await app.settle()
    late = await app.answer(GetFamily(family_id="f-1"))
    assert late.position == 1
    assert late.value is not None
    assert late.value.total_paid == 0
    assert await paid(app, late.token) == 0
    await resume(pair.replica)
    fresh = await app.answer(GetFamily(family_id="f-1"), after=receipt)
    assert fresh.position == 2
    assert fresh.value is not None
    assert fresh.value.total_paid == 5


async def test_a_process_that_runs_nothing_waits_for_the_replica_too(app: App, pair: Pair) -> None:
    async with pair.app(background=False) as asking:
        receipt = await app.send(enroll("f-1"))
        assert await paid(asking, receipt) == 0


async def test_a_replica_to_which_nothing_has_come_yet_is_behind(pair: Pair) -> None:
    await pause(pair.replica)
    async with pair.app() as app:
        receipt = await app.send(enroll("f-1"))
        await app.settle()
        with pytest.raises(BehindError) as late:
            await paid(app, receipt, wait_seconds=0.0)
        assert late.value.position == 0
        await resume(pair.replica)
        assert await paid(app, receipt) == 0


async def test_a_stopped_read_model_says_so_at_once(app: App) -> None:
    stored = NewEvent(
        "family-f-1",
        "FamilyEnrolled",
        1,
        b'{"family_name":1}',
        b'{"event_id":"e","recorded_at":"2010-12-01T00:00:00Z"}',
    )
    await app.log.append([Append((stored,))])
    receipt = await app.send(pay("f-2", "5"))
    with pytest.raises(BehindError, match="cannot take FamilyEnrolled at position 1"):
        await paid(app, receipt)


async def test_read_models_cannot_be_written_on_a_replica(pair: Pair) -> None:
    with pytest.raises(StoreRefusedError, match="This server is a replica") as refused:
        await App(*PARTS, store=pair.store, reads=pair.replica.url).start()
    assert refused.value.reason == "replica"


def test_only_postgres_has_replicas() -> None:
    with pytest.raises(InvalidInputError, match="Only PostgreSQL has replicas") as refused:
        App(*PARTS, replica="postgresql://h/d")
    assert refused.value.what == "replica"
