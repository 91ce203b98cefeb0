"""All that is kept of a read model at one moment: its rows, some at a time, its checkpoint and its parked keys."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from twofold.backends.postgres.connection import Connection
from twofold.backends.postgres.open_rows import PostgresRows
from twofold.backends.postgres.parked import parked_of, skipped_of
from twofold.backends.postgres.tables import statements
from twofold.projections.port import Survey, Take
from twofold.projections.table import Table
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.postgres", "reads.sql")

ROWS_AT_ONCE = 5000


async def survey(connection: Connection, table: Table, beside: Sequence[str], take: Take) -> Survey:
    """To be called in a transaction that sees one moment."""
    await connection.execute(_SQL["take_long"])
    checkpoints = await PostgresRows(connection).checkpoints([table.subscription])
    parked, skipped = await parked_of(connection, beside), await skipped_of(connection, beside)
    async for rows in rows_of(connection, table):
        take(table, rows)
    return Survey(checkpoints, parked, skipped)


async def rows_of(connection: Connection, table: Table) -> AsyncGenerator[list[Any]]:
    """The rows of a table, some at a time: there may be more than the memory holds."""
    said = statements(table)
    found: list[Any] = []
    # Read to its end, the driver closes the cursor: no index is made on a table that one still reads.
    async for row in connection.cursor(said.select, prefetch=ROWS_AT_ONCE):
        found.append(row)
        if len(found) == ROWS_AT_ONCE:
            yield said.codec.rows(found)
            found.clear()
    if found:
        yield said.codec.rows(found)
