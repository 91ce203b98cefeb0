"""The database itself refuses to change the past, whatever tool comes to it."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.backends.sqlite.appends import append, event, outsider
from twofold.backends.sqlite.log import SqliteLog


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    log = SqliteLog(tmp_path / "log.db")
    await log.open()
    await log.append([append(event("family-1", "Enrolled", "customer=1"), key="k")])
    await log.close()
    return tmp_path / "log.db"


@pytest.mark.parametrize("table", ["events", "event_tags", "receipts"])
@pytest.mark.parametrize("change", ["update {} set {} = 'x'", "delete from {}"])
def test_nothing_is_updated_or_deleted(path: Path, table: str, change: str) -> None:
    column = {"events": "type", "event_tags": "type", "receipts": "key"}[table]
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        outsider(path).execute(change.format(table, column))


@pytest.mark.parametrize(
    "replace",
    [
        "insert or replace into events select position, stream, version, 'Forged', schema, data, metadata from events",
        "insert or replace into event_tags select tag, position, 'Forged' from event_tags",
        "insert or replace into receipts select key, x'00', first, last from receipts",
    ],
)
async def test_our_own_connection_replaces_nothing_either(path: Path, replace: str) -> None:
    log = SqliteLog(path)
    await log.open()
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        await log.database.run(lambda writer: writer.execute(replace).close())
    await log.close()


@pytest.mark.parametrize(
    "event",
    [
        "(3, 'family-1', '2nd', 'T', 1, x'7b7d', x'7b7d')",
        "(3, null, 2, 'T', 1, x'7b7d', x'7b7d')",
        "(3, 'family-1', 2, 'T', 1, '{}', x'7b7d')",
        "(3, 'family-1', 1, 'T', 1, x'7b7d', x'7b7d')",
        "(0, 'family-1', 2, 'T', 1, x'7b7d', x'7b7d')",
    ],
    ids=["text for a number", "no stream", "text for bytes", "a version twice", "no position"],
)
def test_a_row_that_is_no_event_is_refused(path: Path, event: str) -> None:
    with pytest.raises(apsw.ConstraintError):
        outsider(path).execute(f"insert into events values {event}")


def test_people_read_events_as_text(path: Path) -> None:
    found = outsider(path).execute("select position, stream, data ->> '$' from events_readable").fetchall()
    assert found == [(1, "family-1", "{}")]
