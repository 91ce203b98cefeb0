"""Many new rows at once: ``COPY``, in half the time that statements take, because rows stream while others are encoded."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from twofold.backends.postgres.connection import Connection
from twofold.backends.postgres.tables import statements
from twofold.projections.codec import portions
from twofold.projections.table import Table
from twofold.projections.words import WORDS_COLUMN

ROWS_AT_ONCE = 20
"""Rows that are encoded before others have their turn: 0.8 ms of a family view (33 columns). With 100 questions waited 4 ms, and those
were the slowest hundredth of a rebuild beside 500 commands a second."""


async def copy_rows(connection: Connection, table: Table, rows: Sequence[Any]) -> None:
    """Insert rows with keys that no row has. Errors are those of any statement; the transaction is spoiled then."""
    names = [*table.names, *[WORDS_COLUMN for _ in table.searchable[:1]]]
    async with _words_written(connection, table):
        await connection.copy_records_to_table(table.name, records=_records(table, rows), columns=names)


async def _records(table: Table, rows: Sequence[Any]) -> AsyncIterator[tuple[Any, ...]]:
    codec = statements(table).codec
    for some in portions(rows, ROWS_AT_ONCE):
        for record in zip(*codec.columns(some), strict=True):
            yield record
        await asyncio.sleep(0)


@asynccontextmanager
async def _words_written(connection: Connection, table: Table) -> AsyncGenerator[None]:
    """Let the driver write words for a search, which it knows no binary form of."""
    if not table.searchable:
        yield
        return
    await connection.set_type_codec("tsvector", schema="pg_catalog", encoder=vector, decoder=bytes, format="binary")
    try:
        yield
    finally:
        await connection.reset_type_codec("tsvector", schema="pg_catalog")


def vector(words: str) -> bytes:
    """Words, each once, as the server reads a vector of them: their number, then each with no places in a text."""
    found = words.encode().split()
    return struct.pack(">i", len(found)) + b"".join([word + b"\0\0\0" for word in found])
