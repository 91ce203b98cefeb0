"""Questions to the read models' file: spelled for SQLite, at once where they are short, on a thread where they are long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import apsw
import apsw.sqlite_extra

from twofold.backends.sqlite.connection import Database
from twofold.backends.sqlite.failures import told
from twofold.backends.sqlite.numbers import prepare_numbers
from twofold.backends.sqlite.spelling import Spelled, Spelling
from twofold.errors import QueryError
from twofold.projections.port import Found
from twofold.projections.table import Table

SHORT_STEPS = 100_000
"""Steps of SQLite's machine, one to two milliseconds: what a question may take from everybody else in the process."""

CHECK_STEPS = 200_000
"""How often a question on a thread looks at the time."""

UNFIT = (ValueError, TypeError, OverflowError)
"""What is raised for a value that cannot be kept or compared."""


MISTAKES = (
    apsw.SQLError,
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.BindingsError,
    apsw.TooBigError,
)
"""What SQLite raises for a statement or value that it will never take."""


def prepare(connection: apsw.Connection) -> None:
    """Exact numbers: the collation ``decimal`` and ``decimal_sum``, from SQLite's own extension, and ours. ``like`` as in SQL."""
    apsw.sqlite_extra.load(connection, "decimal")
    prepare_numbers(connection)
    connection.execute("pragma case_sensitive_like = on")


def find(connection: apsw.Connection, said: Spelled, values: Sequence[object]) -> Found:
    """Run a statement, if all it does is read."""
    columns: list[str] = []

    def look(cursor: apsw.Cursor, *_: Any) -> bool:
        if not cursor.is_readonly:
            raise QueryError("A question cannot write", remedy="Send a command; its events change the read models.")
        columns.extend(column[0] for column in cursor.get_description())
        return True

    cursor = connection.cursor()
    cursor.exec_trace = look
    rows = cursor.execute(said.text, tuple(values)).fetchall()
    said.only_reads = True
    return Found(columns, rows)


def find_rows(connection: apsw.Connection, said: Spelled, values: Sequence[object]) -> Found:
    """The same where the columns are known. What was seen to read only is not looked at again."""
    if not said.only_reads:
        return find(connection, said, values)
    return Found((), connection.execute(said.text, tuple(values)).fetchall())


def refused(error: Exception) -> QueryError:
    return QueryError(f"The read database refused: {error}", remedy="Mend the statement or its parameters.")


Find: TypeAlias = Callable[[apsw.Connection, Spelled, Sequence[object]], Found]


class Questions:
    """Statements that only read. At most ``threads_max`` long ones run at a time, each at most ``timeout_seconds``."""

    def __init__(self, database: Database, *, timeout_seconds: float, threads_max: int = 2) -> None:
        self._database = database
        self._timeout_seconds = timeout_seconds
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="twofold-sqlite-reads")
        self._idle: list[apsw.Connection] = []
        self._spelling = Spelling()

    def know(self, tables: Sequence[Table]) -> None:
        """Which tables questions are about."""
        self._spelling = Spelling(tables)

    async def ask(self, sql: str, params: Mapping[str, object], find: Find = find) -> Found:
        """What one statement finds. ``QueryError`` for what SQLite refuses, for writing, and for taking too long."""
        said = self._spelling.spelled(sql)
        try:
            values = said.values(params)
        except UNFIT as error:
            raise refused(error) from error
        try:
            return await self._database.read(lambda connection: self._at_once(connection, find, said, values))
        except apsw.InterruptError:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._on_a_thread, find, said, values
            )
        except (*MISTAKES, *UNFIT) as error:
            raise refused(error) from error

    async def close(self) -> None:
        """Wait for what is being asked, then give the connections back."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        while self._idle:
            self._idle.pop().close()

    def _at_once(self, connection: apsw.Connection, find: Find, said: Spelled, values: Sequence[object]) -> Found:
        if self._database.path is None:  # One connection, on a thread already: the deadline is all that is needed.
            return self._in_time(connection, find, said, values)
        connection.set_progress_handler(lambda: True, SHORT_STEPS)
        try:
            return find(connection, said, values)
        finally:
            # It counts the steps of a prepared statement over all its runs, and whatever else is read here is no question.
            connection.set_progress_handler(None)

    def _on_a_thread(self, find: Find, said: Spelled, values: Sequence[object]) -> Found:
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            with told(self._database.where):
                return self._in_time(connection, find, said, values)
        except MISTAKES as error:
            raise refused(error) from error
        finally:
            self._idle.append(connection)

    def _connect(self) -> apsw.Connection:
        connection = self._database.connect_reader()
        prepare(connection)
        return connection

    def _in_time(self, connection: apsw.Connection, find: Find, said: Spelled, values: Sequence[object]) -> Found:
        until = time.monotonic() + self._timeout_seconds
        connection.set_progress_handler(lambda: time.monotonic() > until, CHECK_STEPS)
        try:
            return find(connection, said, values)
        except apsw.InterruptError as error:
            raise QueryError(
                f"The question took longer than {self._timeout_seconds:g} s",
                remedy="Add an index, ask for less, or raise query_seconds (App(…)).",
            ) from error
        finally:
            connection.set_progress_handler(None)
