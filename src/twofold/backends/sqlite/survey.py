"""All that is kept of a read model at one moment: its rows, some at a time, its checkpoint and its parked keys."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import apsw

from twofold.backends.sqlite.connection import Database
from twofold.backends.sqlite.failures import told
from twofold.backends.sqlite.open_rows import SqliteRows
from twofold.backends.sqlite.parked import parked_of, skipped_of
from twofold.backends.sqlite.questions import prepare
from twofold.backends.sqlite.tables import statements
from twofold.backends.sqlite.writing import run_here
from twofold.projections.port import Survey, Take
from twofold.projections.table import Table

ROWS_AT_ONCE = 5000


def survey_apart(database: Database, table: Table, beside: Sequence[str], take: Take) -> Survey:
    """On a connection of its own, in whatever thread this is."""
    connection = database.connect_reader()
    try:
        with told(database.where):
            prepare(connection)
            return survey(connection, table, beside, take)
    finally:
        connection.close()


def survey(connection: apsw.Connection, table: Table, beside: Sequence[str], take: Take) -> Survey:
    """What the first statement sees is what all of them see."""
    connection.execute("begin")
    try:
        checkpoints = run_here(SqliteRows(connection).checkpoints([table.subscription]))
        # Strong read models never park, and beside the log there is nothing that would hold it.
        parked = () if table.strong else parked_of(connection, beside)
        skipped = () if table.strong else skipped_of(connection, beside)
        said = statements(table)
        rows = connection.execute(said.select)
        while found := list(islice(rows, ROWS_AT_ONCE)):
            take(table, said.codec.rows(found))
        return Survey(checkpoints, parked, skipped)
    finally:
        connection.execute("rollback")
