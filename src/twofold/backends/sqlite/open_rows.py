"""Rows and checkpoints on one connection, inside a transaction that somebody else holds: the read models' or an append's."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import MappingProxyType
from typing import Any, cast

import apsw
import msgspec

from twofold.backends.sqlite.arranging import fields
from twofold.backends.sqlite.generations import generations_of, switch
from twofold.backends.sqlite.layouts import standing_in
from twofold.backends.sqlite.parked import park
from twofold.backends.sqlite.questions import MISTAKES, UNFIT
from twofold.backends.sqlite.tables import find_statement, refuse_odd_texts, statements
from twofold.backends.sqlite.writing import SqliteWriter
from twofold.errors import StoreRefusedError
from twofold.projections.codec import portions
from twofold.projections.generations import Generation, Switch, number_in
from twofold.projections.port import Advance, refused_value
from twofold.projections.table import Changes, Key, Table
from twofold.store.pages import load_page
from twofold.store.port import Row
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import standing, whole

_SQL = load_page("twofold.backends.sqlite", "reads.sql")
_LOG = load_page("twofold.backends.sqlite", "log.sql")

BOUND_AT_ONCE = 250
"""Rows that are bound before others have their turn: about a millisecond."""


class SqliteRows:
    """``Rows`` over one connection, and an ``AppendTransaction`` where that is the log's. Its methods never wait.

    What was ``bound`` before, by the identity of its changes, is not bound again.
    """

    def __init__(self, connection: apsw.Connection, bound: Mapping[int, Bound] = MappingProxyType({})) -> None:
        self._connection, self._bound = connection, bound

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        wanted = msgspec.json.encode(list(names)).decode()
        found = self._connection.execute(_SQL["checkpoints"], (wanted,))
        return standing({name: Checkpoint(*fields) for name, *fields in found}, names)

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        said = statements(table)
        with told_of_values():
            wanted = zip(*said.codec.keys(keys), strict=True)
            return said.codec.rows(self._connection.executemany(said.load, wanted).fetchall())

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        codec = statements(table).codec
        with told_of_values():
            wanted = [(value,) for value in codec.values(column, values)]
            return codec.rows(self._connection.executemany(find_statement(table, column), wanted).fetchall())

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        with told_of_values():
            return [await self._advance(advance) for advance in advances]

    async def position(self) -> int:
        position, _ = self._connection.execute(_LOG["end"]).get
        return cast("int", position)

    async def events_between(self, after: int, until: int) -> Sequence[Row]:
        return cast("list[Row]", self._connection.execute(_LOG["all"], (after, until, until - after)).fetchall())

    async def write(self, changes: Sequence[Changes]) -> None:
        with told_of_values():
            for each in changes:
                write(self._connection, each)

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        return generations_of(self._connection, subscriptions)

    async def switch(self, change: Switch) -> bool:
        return switch(self._connection, change)

    async def _advance(self, advance: Advance) -> bool:
        start, end, connection = advance.start, advance.end, self._connection
        if start.position == 0 and whole(advance.name) == advance.name:
            connection.execute(_SQL["begin_checkpoint"], (advance.name, *fields(start)))
        connection.execute(_SQL["move_checkpoint"], (*fields(end), advance.name, start.position, start.epoch))
        if connection.changes() != 1:
            return False
        for changes in advance.changes:
            write_bound(connection, self._bound.get(id(changes)) or bind(changes))
        park(connection, advance.parked, advance.letters)
        if advance.work is not None:
            with _where_it_stands(connection, advance):
                await advance.work(SqliteWriter(connection))
        return True


def _where_it_stands(connection: apsw.Connection, advance: Advance) -> AbstractContextManager[None]:
    """The tables of a generation that stands beside have the names that its statements know only for them."""
    number = number_in(advance.name)
    if number is None or advance.layout is None:
        return nullcontext()
    return standing_in(connection, advance.layout, number)


@contextmanager
def told_of_values() -> Generator[None]:
    """Raise what SQLite says of a value that it cannot keep, and of a table that is not as it was, in our words."""
    try:
        yield
    except apsw.SQLError as error:
        raise StoreRefusedError(
            f"The read database has changed: {error}",
            reason="schema",
            remedy="Put back what was dropped or altered.",
        ) from error
    except (*MISTAKES, *UNFIT) as error:
        raise refused_value(error) from error


class Bound(msgspec.Struct, frozen=True):
    """Changes of one table as the driver takes them."""

    table: Table
    removed: Sequence[tuple[Any, ...]]
    rows: Sequence[tuple[Any, ...]]


def bind(changes: Changes) -> Bound:
    """The driver's values of changes. ``TypeError``, ``ValueError`` or ``OverflowError`` for what cannot be kept."""
    removed = list(zip(*statements(changes.table).codec.keys(changes.removed), strict=True)) if changes.removed else []
    return Bound(changes.table, removed, _values(changes.table, changes.rows))


async def bind_in_turns(changes: Changes) -> Bound:
    """The same of many rows, while others have their turn."""
    found = list[tuple[Any, ...]]()
    with told_of_values():
        for rows in portions(changes.rows, BOUND_AT_ONCE):
            found += _values(changes.table, rows)
            await asyncio.sleep(0)
        return Bound(changes.table, bind(Changes(changes.table, (), changes.removed)).removed, found)


def write(connection: apsw.Connection, changes: Changes) -> None:
    """Remove and write the rows of one table."""
    write_bound(connection, bind(changes))


def write_bound(connection: apsw.Connection, bound: Bound) -> None:
    """The same, of values."""
    said = statements(bound.table)
    connection.executemany(said.remove, bound.removed)
    connection.executemany(said.upsert, bound.rows)


def _values(table: Table, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
    if not rows:
        return []
    columns = statements(table).codec.columns(rows)
    refuse_odd_texts(table, columns)
    return list(zip(*columns, strict=True))
