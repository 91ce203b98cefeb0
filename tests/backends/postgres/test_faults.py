"""What goes wrong while an append is under way, and what is said and left then."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.backends.postgres.logs import Outsider, append, appended, blocked, event, log_at, opened, outsider
from twofold.backends.postgres.failures import append_failure, failure
from twofold.backends.postgres.log import PostgresLog
from twofold.config import PostgresURL
from twofold.errors import OutcomeUnknownError, StoreError, StoreRefusedError, StoreUnavailableError
from twofold.store.port import Append, Appended

_STATES = "select state from pg_stat_activity where application_name = $1"


@asynccontextmanager
async def held(beside: Outsider) -> AsyncGenerator[None]:
    """Somebody else holds the head, so that every append waits inside the server."""
    async with beside.transaction():
        await beside.fetchrow("select * from head for update")
        yield


async def under_way(log: PostgresLog, beside: Outsider, place: PostgresURL, one: Append) -> tuple[asyncio.Task, int]:  # type: ignore[type-arg]
    """An append that waits for the head, and its process."""
    appending = asyncio.ensure_future(log.append([one]))
    return appending, await blocked(beside, place)


async def test_a_log_that_is_locked_for_too_long_says_so_and_writes_nothing(
    place: PostgresURL, beside: Outsider
) -> None:
    log = log_at(place, busy_seconds=0.05)
    async with opened(log):
        async with held(beside):
            with pytest.raises(StoreUnavailableError) as refused:
                await log.append([append(key="k")])
        assert refused.value.reason == "locked"
        assert await appended(log, append(key="k")) == [Appended(1, 1, {"family-1": 1})]


async def test_a_statement_that_the_server_cancels_wrote_nothing(
    log: PostgresLog, place: PostgresURL, beside: Outsider
) -> None:
    async with held(beside):
        appending, process = await under_way(log, beside, place, append(key="k"))
        await beside.execute("select pg_cancel_backend($1)", process)
        with pytest.raises(StoreUnavailableError):
            await appending
    assert (await log.head()).position == 0


async def test_a_connection_lost_during_an_append_leaves_the_outcome_open_until_the_same_key_asks_again(
    log: PostgresLog, place: PostgresURL, beside: Outsider
) -> None:
    async with held(beside):
        appending, process = await under_way(log, beside, place, append(key="k"))
        await beside.execute("select pg_terminate_backend($1)", process)
        with pytest.raises(OutcomeUnknownError, match="same command id"):
            await appending
    assert await appended(log, append(key="k")) == [Appended(1, 1, {"family-1": 1})]
    assert await appended(log, append(key="k")) == [Appended(1, 1, {"family-1": 1}, replayed=True)]


async def test_a_cancelled_append_leaves_a_clean_pool(log: PostgresLog, place: PostgresURL, beside: Outsider) -> None:
    for _ in range(5):  # More often than the pool has connections.
        async with held(beside):
            appending, _ = await under_way(log, beside, place, append(key="k"))
            appending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await appending
    assert await appended(log, append()) == [Appended(1, 1, {"family-1": 1})]
    states = {"active"}
    while "active" in states:  # The server may still be busy with saying that it has cancelled.
        states = {row[0] for row in await beside.fetch(_STATES, f"twofold append {place.schema}")}
    assert states == {"idle"}


async def test_whatever_kills_connections_a_retry_with_the_key_gives_the_one_true_answer(
    log: PostgresLog, place: PostgresURL, beside: Outsider
) -> None:
    chance, failures = random.Random(7), 0
    for number in range(60):
        one = append(event(f"family-{number % 5}"), event("shared-1"), key=f"k{number}")
        killing = asyncio.ensure_future(_kill_soon(beside, place, chance.randrange(8)))
        first, before = await _insisted(log, one)
        await killing
        again, after = await _insisted(log, one)
        failures += before + after
        assert (first.first, first.last) == (again.first, again.last) == (2 * number + 1, 2 * number + 2)
        assert first.versions == again.versions == {f"family-{number % 5}": number // 5 + 1, "shared-1": number + 1}
    assert failures > 0, "nothing was ever killed in time"
    assert (await log.head()).position == 120


async def _insisted(log: PostgresLog, one: Append) -> tuple[Appended, int]:
    """The answer to an append that is sent until there is one, and how often it failed."""
    for failures in itertools.count():
        try:
            return (await appended(log, one))[0], failures
        except (OutcomeUnknownError, StoreUnavailableError):
            continue
    raise AssertionError


async def _kill_soon(beside: Outsider, place: PostgresURL, turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
    await beside.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1",
        f"twofold append {place.schema}",
    )


async def test_a_database_that_comes_back_is_used_again(log: PostgresLog, place: PostgresURL, beside: Outsider) -> None:
    await beside.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'twofold%' || $1",
        place.schema,
    )
    while True:  # What was idle notices its end when the loop turns.
        try:
            await appended(log, append())
            await log.read()
        except (StoreUnavailableError, OutcomeUnknownError):
            continue
        break
    assert (await log.read()).rows[0][0] == 1


async def test_a_read_only_server_is_named(log: PostgresLog, place: PostgresURL) -> None:
    read_only = PostgresURL(f"{place.dsn}&options=-cdefault_transaction_read_only%3Don", place.schema)
    other = log_at(read_only)
    async with opened(other):
        with pytest.raises(StoreUnavailableError) as refused:
            await other.append([append()])
        assert refused.value.reason == "read-only"
        assert (await other.head()).position == 0


async def test_what_an_outsider_left_open_does_not_hold_up_appends(log: PostgresLog, place: PostgresURL) -> None:
    async with outsider(place) as idle, idle.transaction():
        await idle.execute("create table foreign_work (x int)")
        await appended(log, *[append(key=f"k{number}") for number in range(20)])


async def test_a_schema_that_was_dropped_underneath_is_refused(log: PostgresLog, place: PostgresURL) -> None:
    async with outsider(place) as other:
        await other.execute(f"drop schema {place.schema} cascade")
    with pytest.raises(StoreRefusedError) as refused:
        await log.append([append()])
    assert refused.value.reason == "schema"


async def test_a_closed_log_says_that_it_is_not_open(place: PostgresURL) -> None:
    with pytest.raises(StoreUnavailableError, match="not open"):
        await log_at(place).append([append()])


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (asyncpg.DiskFullError("no space left on device"), StoreUnavailableError, "full"),
        (asyncpg.ReadOnlySQLTransactionError("read-only"), StoreUnavailableError, "read-only"),
        (asyncpg.LockNotAvailableError("lock timeout"), StoreUnavailableError, "locked"),
        (asyncpg.DeadlockDetectedError("deadlock"), StoreUnavailableError, "busy"),
        (asyncpg.TooManyConnectionsError("too many"), StoreUnavailableError, "busy"),
        (asyncpg.AdminShutdownError("going down"), StoreUnavailableError, "away"),
        (asyncpg.CannotConnectNowError("starting up"), StoreUnavailableError, "away"),
        (ConnectionRefusedError(111, "refused"), StoreUnavailableError, "away"),
        (TimeoutError(), StoreUnavailableError, "away"),
        (asyncpg.InterfaceError("connection is closed"), StoreUnavailableError, "away"),
        (asyncpg.InvalidPasswordError("no"), StoreRefusedError, "login"),
        (asyncpg.InvalidCatalogNameError("no such database"), StoreRefusedError, "missing"),
        (asyncpg.InsufficientPrivilegeError("denied"), StoreRefusedError, "schema"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failure_has_a_reason_and_a_remedy(error: Exception, kind: type[StoreError], reason: str) -> None:
    said = failure(error, "here")
    assert type(said) is kind
    assert said.facts()["reason"] == reason
    assert said.remedy


@pytest.mark.parametrize(
    ("error", "severity", "unknown"),
    [
        (asyncpg.DiskFullError("full"), "ERROR", False),
        (asyncpg.QueryCanceledError("timeout"), "ERROR", False),
        (asyncpg.AdminShutdownError("terminated"), "FATAL", True),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), None, True),
        (ConnectionResetError(104, "reset"), None, True),
        (TimeoutError(), None, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_only_an_error_of_the_server_says_that_an_append_did_not_happen(
    error: Exception, severity: str | None, unknown: bool
) -> None:
    if isinstance(error, asyncpg.PostgresError):
        error.severity_en = severity  # As the driver sets what the server said.
    assert isinstance(append_failure(error, "here"), OutcomeUnknownError) is unknown
