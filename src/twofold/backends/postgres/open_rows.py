"""Rows and checkpoints on one connection, inside a transaction that somebody else holds: the read models' or an append's."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import Any, cast

import asyncpg

from twofold.backends.postgres.arranging import fields
from twofold.backends.postgres.connection import Connection
from twofold.backends.postgres.copying import copy_rows
from twofold.backends.postgres.generations import generations_of, switch
from twofold.backends.postgres.layouts import standing_in
from twofold.backends.postgres.parked import park
from twofold.backends.postgres.tables import find_statement, statements
from twofold.backends.postgres.writing import PostgresWriter
from twofold.projections.codec import portions
from twofold.projections.generations import Generation, Switch, number_in
from twofold.projections.port import Advance, refused_value
from twofold.projections.table import Changes, Key, Table
from twofold.store.pages import load_page
from twofold.store.port import Row
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import standing, whole

_SQL = load_page("twofold.backends.postgres", "reads.sql")
_LOG = load_page("twofold.backends.postgres", "read.sql")

UNFIT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError, TypeError, OverflowError)
"""What is raised for a value that cannot be kept."""

ROWS_AT_ONCE = 250
"""Rows in one statement: while they are encoded, two or three milliseconds, nobody else has a turn."""

COPIED_MIN, COPIED_MAX = 100, 20_000
"""New rows for which a ``COPY`` pays, which takes a few round trips more; and how many end well before a statement's time."""


class PostgresRows:
    """``Rows`` over one connection, and an ``AppendTransaction`` where that is one of the log's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        found = await self._connection.fetch(_SQL["checkpoints"], list(names))
        return standing({name: Checkpoint(*fields) for name, *fields in found}, names)

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        said = statements(table)
        with told_of_values():
            return said.codec.rows(await self._connection.fetch(said.load, *said.codec.keys(keys)))

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        codec = statements(table).codec
        with told_of_values():
            found = await self._connection.fetch(find_statement(table, column), codec.values(column, values))
        return codec.rows(found)

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        moved = await self._move(advances)
        with told_of_values():
            for advance in advances:
                if advance.name in moved:
                    await self._write(advance)
        return [advance.name in moved for advance in advances]

    async def position(self) -> int:
        return cast("int", await self._connection.fetchval(_LOG["position"]))

    async def events_between(self, after: int, until: int) -> Sequence[Row]:
        return cast("list[Row]", await self._connection.fetch(_LOG["log"], after, until - after))

    async def write(self, changes: Sequence[Changes]) -> None:
        with told_of_values():
            for each in changes:
                await write_rows(self._connection, each)

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        return await generations_of(self._connection, subscriptions)

    async def switch(self, change: Switch) -> bool:
        return await switch(self._connection, change)

    async def _move(self, advances: Sequence[Advance]) -> frozenset[str]:
        """The names of the steps whose checkpoint has been moved."""
        for advance in advances:
            if advance.start.position == 0 and whole(advance.name) == advance.name:
                await self._connection.execute(_SQL["begin_checkpoint"], advance.name, *fields(advance.start))
        ends = zip(*(fields(advance.end) for advance in advances), strict=True)
        moved = await self._connection.fetch(
            _SQL["move_checkpoints"],
            [advance.name for advance in advances],
            [advance.start.position for advance in advances],
            [advance.start.epoch for advance in advances],
            *map(list, ends),
        )
        return frozenset(name for (name,) in moved)

    async def _write(self, advance: Advance) -> None:
        if advance.work is not None:
            async with _where_it_stands(self._connection, advance):
                await advance.work(PostgresWriter(self._connection))
        for changes in advance.changes:
            await write_rows(self._connection, changes)
        await park(self._connection, advance.parked, advance.letters)


async def write_rows(connection: Connection, changes: Changes) -> None:
    """Remove and write the rows of one table."""
    said = statements(changes.table)
    if changes.removed:
        await connection.execute(said.remove, *said.codec.keys(changes.removed))
    if changes.are_new and len(changes.rows) >= COPIED_MIN:
        for rows in portions(changes.rows, COPIED_MAX):
            await copy_rows(connection, changes.table, rows)
        return
    for rows in portions(changes.rows, ROWS_AT_ONCE):
        await connection.execute(said.upsert, *said.codec.columns(rows))


def _where_it_stands(connection: Connection, advance: Advance) -> AbstractAsyncContextManager[None]:
    """The tables of a generation that stands beside are found first by statements that know no other names for them."""
    number = number_in(advance.name)
    if number is None or advance.layout is None:
        return nullcontext()
    return standing_in(connection, advance.layout, number)


@contextmanager
def told_of_values() -> Generator[None]:
    """Raise what is said of a value that cannot be kept in our words."""
    try:
        yield
    except UNFIT as error:
        raise refused_value(error) from error
