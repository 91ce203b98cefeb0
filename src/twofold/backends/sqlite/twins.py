"""A SQL projection's tables once more, in a private database that finds the read models' tables too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, TypeVar

import apsw

from twofold.backends.sqlite.connection import KEPT, Database
from twofold.backends.sqlite.failures import told
from twofold.backends.sqlite.open_rows import SqliteRows
from twofold.backends.sqlite.questions import prepare
from twofold.backends.sqlite.tables import quoted
from twofold.backends.sqlite.thread import WorkThread
from twofold.backends.sqlite.writing import SqliteWriter, run_here
from twofold.projections.generations import numbered
from twofold.projections.layout import Layout
from twofold.projections.twin import Line, Shape
from twofold.projections.writer import Writer
from twofold.store.pages import load_page
from twofold.subscriptions import Checkpoint

T = TypeVar("T")

_SQL = load_page("twofold.backends.sqlite", "reads.sql")

ROWS_AT_ONCE = 1000


@asynccontextmanager
async def opened(database: Database, layout: Layout, number: int | None) -> AsyncGenerator[SqliteTwin]:
    """A twin of the active tables, or of those of a generation beside them. Its database is gone with its connection."""
    connection, thread = database.connect_private(), WorkThread("twofold-twin")
    twin = SqliteTwin(connection, thread, database, number)
    try:
        await database.show(connection)
        await twin.lay_out(layout)
        yield twin
    finally:
        connection.interrupt()  # Nobody waits any more for what is still at work.
        await asyncio.shield(thread.run(connection.close))
        thread.close()


class SqliteTwin:
    """A ``Twin`` over a connection of its own, which works on a thread of its own: a page may take long."""

    def __init__(self, connection: apsw.Connection, thread: WorkThread, database: Database, number: int | None) -> None:
        self._connection, self._thread = connection, thread
        self._database, self._number = database, number

    async def lay_out(self, layout: Layout) -> None:
        """Make the tables."""

        def make() -> None:
            prepare(self._connection)
            self._connection.execute(layout.schema).fetchall()

        await self._run(make)

    async def write(self, work: Callable[[Writer], Coroutine[Any, Any, None]]) -> None:
        def write() -> None:
            with self._connection:
                run_here(work(SqliteWriter(self._connection)))

        await self._run(write)

    @asynccontextmanager
    async def still(self, subscription: str) -> AsyncGenerator[Mapping[str, Checkpoint]]:
        def begin() -> Mapping[str, Checkpoint]:
            self._connection.execute("begin")
            # The first statement that reads decides what all others see.
            return run_here(SqliteRows(self._connection).checkpoints([subscription]))

        await self._database.show(self._connection)
        checkpoints = await self._run(begin)
        try:
            yield checkpoints
        finally:
            await self._run(lambda: self._connection.execute("rollback"))

    async def shape(self, table: str) -> Shape:
        found = await self._run(lambda: self._connection.execute(_SQL["shape"], (table,)).fetchall())
        key = sorted((int(str(place)), str(name)) for name, place in found if place)
        return Shape(tuple(str(name) for name, _ in found), tuple(name for _, name in key))

    def lines(self, table: str, shape: Shape) -> AsyncGenerator[Sequence[Line]]:
        return self._lines(f"main.{quoted(table)}", shape)

    def kept(self, table: str, shape: Shape) -> AsyncGenerator[Sequence[Line]]:
        name = table if self._number is None else numbered(table, self._number)
        return self._lines(f"{KEPT}.{quoted(name)}", shape)

    async def _lines(self, table: str, shape: Shape) -> AsyncGenerator[Sequence[Line]]:
        said = _SQL["lines"].format(
            columns=", ".join(f"quote({quoted(name)})" for name in shape.names),
            table=table,
            order=", ".join(f"quote({quoted(name)})" for name in shape.order),
        )
        rows = await self._run(lambda: self._connection.execute(said))
        while found := await self._run(lambda: list(islice(rows, ROWS_AT_ONCE))):
            yield found

    async def _run(self, work: Callable[[], T]) -> T:
        def run() -> T:
            with told(self._database.where):
                return work()

        return await self._thread.run(run)
