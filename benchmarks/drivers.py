"""The bare drivers, apsw and asyncpg, over a room that has the product's tables."""

# ruff: noqa: S608 - the names in these statements are our own

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias

import apsw
import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from benchmarks.rooms import Room
from twofold import App

PLACES = {"events": "position", "event_tags": "position", "receipts": "first"}
"""The tables that grow with every append, and the column that says which append a row belongs to."""

Rows: TypeAlias = Sequence[tuple[Any, ...]]
Batch: TypeAlias = dict[str, Rows]
"""The rows of one transaction, by table."""

Prepared: TypeAlias = Any
"""A batch, ready to bind, in its driver's own form."""

Link: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Statement: TypeAlias = "PreparedStatement[asyncpg.Record]"

_COLUMNS = """
select attname::text, format_type(atttypid, atttypmod) from pg_attribute
where attrelid = $1::text::regclass and attnum > 0 and not attisdropped order by attnum
"""


class Driver(Protocol):
    """A bare connection to a room that has the product's tables.

    ``prefix`` goes before a table's name, ``place`` stands for the one argument of a statement, and ``columns`` are
    those of each table in order.
    """

    prefix: str
    place: str
    columns: dict[str, list[str]]

    async def read(self, statement: str, *arguments: object) -> Rows: ...

    async def prepare(self, batch: Batch) -> Prepared:
        """The batch, ready to bind."""
        ...

    async def write(self, prepared: Prepared) -> None:
        """One durable transaction."""
        ...

    async def settle(self) -> None:
        """Bring statistics and visibility maps up to date."""
        ...


@asynccontextmanager
async def driver(room: Room, *, install: bool = False) -> AsyncGenerator[Driver]:
    """A bare connection to the room's tables. In an empty room they have to be installed, as an app does it."""
    if install:
        async with App(store=room.url):
            pass
    if room.backend == "sqlite":
        connection = apsw.Connection(str(room.path))
        try:
            connection.pragma("synchronous", "FULL")
            yield SqliteDriver(connection)
        finally:
            connection.close()
    else:
        link = await asyncpg.connect(room.dsn)
        try:
            yield await PostgresDriver.over(link, room.schema)
        finally:
            await link.close()


class SqliteDriver:
    """apsw as it comes."""

    prefix = ""
    place = "?"

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.columns = {
            table: [str(name) for (name,) in connection.execute("select name from pragma_table_info(?)", (table,))]
            for table in PLACES
        }

    async def read(self, statement: str, *arguments: Any) -> Rows:
        return list(self._connection.execute(statement, arguments))

    async def prepare(self, batch: Batch) -> Prepared:
        return [
            (f"insert into {table} values ({', '.join('?' * len(self.columns[table]))})", rows)
            for table, rows in batch.items()
            if rows
        ]

    async def write(self, prepared: Prepared) -> None:
        execute = self._connection.execute
        execute("begin immediate")
        for statement, rows in prepared:
            self._connection.executemany(statement, rows)
        execute("commit")

    async def settle(self) -> None:
        """Nothing: SQLite's plans here need no statistics."""


class PostgresDriver:
    """asyncpg as it comes: a prepared statement that inserts from arrays into all tables at once."""

    place = "$1"

    def __init__(self, link: Link, schema: str, types: dict[str, list[tuple[str, str]]]) -> None:
        self._link = link
        self._types = types
        self._statements: dict[str, Statement] = {}
        self.prefix = f"{schema}."
        self.columns = {table: [name for name, _ in columns] for table, columns in types.items()}

    @classmethod
    async def over(cls, link: Link, schema: str) -> PostgresDriver:
        types = {table: [tuple(row) for row in await link.fetch(_COLUMNS, f"{schema}.{table}")] for table in PLACES}
        return cls(link, schema, types)

    async def read(self, statement: str, *arguments: Any) -> Rows:
        return [tuple(row) for row in await self._link.fetch(statement, *arguments)]

    async def prepare(self, batch: Batch) -> Prepared:
        tables = [(table, rows) for table, rows in batch.items() if rows]
        single = all(len(rows) == 1 for _, rows in tables)
        text = self._insert([table for table, _ in tables], single=single)
        if text not in self._statements:
            self._statements[text] = await self._link.prepare(text)
        values = [value for _, rows in tables for value in (rows[0] if single else map(list, zip(*rows, strict=True)))]
        return self._statements[text], values

    async def write(self, prepared: Prepared) -> None:
        statement, values = prepared
        await statement.fetch(*values)

    async def settle(self) -> None:
        for table in PLACES:
            await self._link.execute(f"vacuum analyze {self.prefix}{table}")

    def _insert(self, tables: list[str], *, single: bool) -> str:
        inserts: list[str] = []
        used = 0
        for table in tables:
            types = [type_name for _, type_name in self._types[table]]
            places = [f"${used + number}::{name}{'' if single else '[]'}" for number, name in enumerate(types, 1)]
            source = f"values ({', '.join(places)})" if single else f"select * from unnest({', '.join(places)})"
            inserts.append(f"insert into {self.prefix}{table} {source}")
            used += len(types)
        *first, last = inserts
        parts = ", ".join(f"part{number} as ({insert})" for number, insert in enumerate(first))
        return f"with {parts} {last}" if parts else last
