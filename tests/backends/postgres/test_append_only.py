"""The database itself refuses to change the past, whatever tool comes to it, the owner of the tables included."""

from __future__ import annotations

import asyncpg
import pytest

from tests.backends.postgres.logs import Outsider, append, appended, event
from twofold.backends.postgres.log import PostgresLog


@pytest.fixture(autouse=True)
async def _one_event(log: PostgresLog) -> None:
    await appended(log, append(event("family-1", "Enrolled", "customer=1"), key="k"))


@pytest.mark.parametrize("table", ["events", "event_tags", "receipts"])
@pytest.mark.parametrize("change", ["update {} set {} = 'x'", "delete from {}", "truncate {}"])
async def test_nothing_is_updated_deleted_or_truncated(beside: Outsider, table: str, change: str) -> None:
    column = {"events": "type", "event_tags": "type", "receipts": "key"}[table]
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await beside.execute(change.format(table, column))


async def test_nothing_is_changed_either_where_triggers_are_skipped_as_replication_skips_them(beside: Outsider) -> None:
    await beside.execute("set session_replication_role = replica")
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await beside.execute("delete from events")


@pytest.mark.parametrize("change", ["delete from head", "truncate head"])
async def test_the_head_stays(beside: Outsider, change: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError):
        await beside.execute(change)


async def test_there_is_one_head(beside: Outsider) -> None:
    for values in ("default", "false"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await beside.execute(f"insert into head (only_row) values ({values})")


@pytest.mark.parametrize(
    "row",
    [
        "(3, null, 2, 'T', 1, '{}', '{}')",
        "(3, 'family-1', 1, 'T', 1, '{}', '{}')",
        "(1, 'family-1', 2, 'T', 1, '{}', '{}')",
        "(0, 'family-1', 2, 'T', 1, '{}', '{}')",
        "(3, 'family-1', 0, 'T', 1, '{}', '{}')",
    ],
    ids=["no stream", "a version twice", "a position twice", "no position", "no version"],
)
async def test_a_row_that_is_no_event_is_refused(beside: Outsider, row: str) -> None:
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await beside.execute(f"insert into events values {row}")


async def test_people_read_events_as_json(beside: Outsider) -> None:
    row = await beside.fetchrow("select position, stream, data::text, metadata::text from events_readable")
    assert row is not None
    assert tuple(row) == (1, "family-1", "{}", "{}")
