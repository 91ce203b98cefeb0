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


async def survey(connection: Connection, table: Table, beside: Sequence[str], take: Take) -> Survey:
    """To be called in a transaction that sees one moment."""
    checkpoints = await PostgresRows(connection).checkpoints([table.subscription])
    parked, skipped = await parked_of(connection, beside), await skipped_of(connection, beside)
    async for rows in rows_of(connection, table):
        take(table, rows)
    return Survey(checkpoints.get(table.subscription), parked, skipped)


async def rows_of(connection: Connection, table: Table) -> AsyncGenerator[list[Any]]:
    """The rows of a table, some at a time: there may be more than the memory holds."""
    said = statements(table)
    await connection.execute(_SQL["begin_rows"].format(select=said.select))
    while found := await connection.fetch(_SQL["next_rows"]):
        yield said.codec.rows(found)
    await connection.execute(_SQL["end_rows"])
