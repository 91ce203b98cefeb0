"""A SQL projection's tables once more: temporary ones of a session of their own, which its statements find first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from twofold.backends.postgres.connection import Connections, quoted
from twofold.backends.postgres.failures import nothing_written
from twofold.backends.postgres.open_rows import PostgresRows
from twofold.backends.postgres.writing import PostgresWriter, told
from twofold.errors import StoreRefusedError
from twofold.projections.layout import Layout
from twofold.projections.twin import Line, Shape
from twofold.projections.writer import Writer
from twofold.store.pages import load_page
from twofold.subscriptions import Checkpoint

_SQL = load_page("twofold.backends.postgres", "reads.sql")

ROWS_AT_ONCE = 1000

SORT_SECONDS = 24 * 3600.0
"""How long the rows of a table may take to be sorted: as long as they need, but for a server that has fallen silent."""

OWN = "pg_temp"


@asynccontextmanager
async def opened(connections: Connections, layout: Layout, *, here: str, schema: str) -> AsyncGenerator[PostgresTwin]:
    """A twin of the tables that stand in ``schema``; ``here`` are the read models. Its session ends with it."""
    if connections.address.through_pooler:
        raise StoreRefusedError(
            f"{layout.name} cannot be verified through a pooler",
            reason="pooler",
            remedy="Connect to the server itself: temporary tables last as long as a session does.",
        )
    with nothing_written(connections.address):
        connection = await connections.connect()
    try:
        with told():
            # Whoever makes a table makes it where the path begins. Behind that nothing is written any more but in there.
            await connection.execute(_SQL["keep_path"], f"{OWN}, {quoted(here)}")
            await connection.execute(layout.schema)
            await connection.execute(_SQL["only_read"])
        yield PostgresTwin(connection, schema, connections.address)
    finally:
        connections.drop(connection)


class PostgresTwin:
    """A ``Twin`` over a session."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], schema: str, where: object) -> None:
        self._connection, self._schema, self._where = connection, schema, where

    async def write(self, work: Callable[[Writer], Coroutine[Any, Any, None]]) -> None:
        with told():
            async with self._connection.transaction():
                await work(PostgresWriter(self._connection))

    @asynccontextmanager
    async def still(self, subscription: str) -> AsyncGenerator[Mapping[str, Checkpoint]]:
        with nothing_written(self._where):
            async with self._connection.transaction(isolation="repeatable_read"):
                await self._connection.execute(_SQL["wait_as_long_as_it_takes"])
                yield await PostgresRows(self._connection).checkpoints([subscription])

    async def shape(self, table: str) -> Shape:
        with nothing_written(self._where):
            found = await self._connection.fetch(_SQL["shape"], table)
        key = sorted((place, name) for name, place in found if place is not None)
        return Shape(tuple(name for name, _ in found), tuple(name for _, name in key))

    async def lines(self, table: str, shape: Shape) -> AsyncGenerator[Sequence[Line]]:
        async with self._connection.transaction():
            await self._connection.execute(_SQL["wait_as_long_as_it_takes"])
            async for some in self._lines(OWN, table, shape):
                yield some

    async def kept(self, table: str, shape: Shape) -> AsyncGenerator[Sequence[Line]]:
        async for some in self._lines(quoted(self._schema), table, shape):
            yield some

    async def _lines(self, schema: str, table: str, shape: Shape) -> AsyncGenerator[Sequence[Line]]:
        said = _SQL["lines"].format(
            columns=", ".join(f"{quoted(name)}::text" for name in shape.names),
            table=f"{schema}.{quoted(table)}",
            order=", ".join(f'{quoted(name)}::text collate "C"' for name in shape.order),
        )
        found: list[Line] = []
        with told():
            async for row in self._connection.cursor(said, prefetch=ROWS_AT_ONCE, timeout=SORT_SECONDS):
                found.append(tuple(row))
                if len(found) == ROWS_AT_ONCE:
                    yield found
                    found = []
        if found:
            yield found
