"""The open transaction of a SQL projection, on the writer's thread."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Literal, TypeVar

import apsw

from twofold.backends.sqlite.failures import told
from twofold.backends.sqlite.questions import MISTAKES, UNFIT, refused
from twofold.backends.sqlite.spelling import spelling_of
from twofold.backends.sqlite.tables import declarations, quoted, statements
from twofold.errors import DefinitionError, QueryError, StoreUnavailableError
from twofold.projections.table import Table
from twofold.store.pages import load_page

T = TypeVar("T")

_SQL = load_page("twofold.backends.sqlite", "reads.sql")


class SqliteWriter:
    """A ``Writer`` over one connection. Its methods never wait: SQLite works where it is called."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, /, **params: object) -> None:
        self._run(sql, params)

    async def rows(self, sql: str, /, **params: object) -> list[dict[str, Any]]:
        return self._run(sql, params)

    async def execute_over(self, sql: str, table: Table, rows: Sequence[Any]) -> None:
        connection, name = self._connection, quoted(table.name)
        connection.execute(_SQL["create_temporary"].format(table=name, declared=declarations(table)))
        places = ", ".join("?" for _ in table.names)
        values = zip(*statements(table).codec.columns(rows), strict=True)
        connection.executemany(_SQL["fill_temporary"].format(table=name, places=places), values)
        self._run(sql, {}, table)
        connection.execute(_SQL["drop_temporary"].format(table=name))

    def _run(self, sql: str, params: dict[str, object], *known: Table) -> list[dict[str, Any]]:
        """What a statement finds. ``QueryError`` for what SQLite will never take; the rest is the store's to tell."""
        said = spelling_of(*known).spelled(sql)
        if said.written.first_word in ("begin", "commit", "end", "rollback", "savepoint", "release"):
            raise QueryError("The transaction is not a projection's to end", remedy="Raise an error to undo the page.")
        values = tuple(said.values(params))
        try:
            with told(self._connection.filename or "The database in memory"):
                cursor = self._connection.execute(said.text, values)
                # The names of the columns are only there beside a row.
                return [dict(zip(_names(cursor), row, strict=True)) for row in cursor]
        except (*MISTAKES, *UNFIT) as error:
            raise refused(error) from error
        except StoreUnavailableError as error:
            if error.reason != "read-only" or self._connection.readonly("main"):
                raise
            raise refused(error) from error  # What is only shown here: it is not the projection's to write.


def _names(cursor: apsw.Cursor) -> list[str]:
    return [column[0] for column in cursor.get_description()]


def run_here(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that awaits nothing but ``SqliteWriter``, which never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise DefinitionError(
        "A projection waited for something else than its transaction", remedy="Await only the methods of write."
    )
