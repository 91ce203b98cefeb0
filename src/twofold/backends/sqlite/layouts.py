"""The tables of SQL projections beside those that serve. Their statements know no names but those of the active ones."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import apsw

from twofold.backends.sqlite.tables import quoted
from twofold.projections.generations import numbered
from twofold.projections.layout import Layout, missing, not_beside
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.sqlite", "reads.sql")

_INDEX = re.compile(r'(CREATE (?:UNIQUE )?INDEX )("(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^\s(]+)')
"""As SQLite keeps it: whatever was said before the name is spelled like this."""

ASIDE = 0
"""The number under which the active tables wait while those of a generation have their names: none is counted so."""


@contextmanager
def standing_in(connection: apsw.Connection, layout: Layout, number: int) -> Generator[None]:
    """Let the tables of a generation have the names of the active ones, as long as this takes, in an open transaction.

    Nobody else sees it. Where an error ends it, it is for the transaction to undo the names.
    Raises ``StoreRefusedError`` where they are not there: statements would find those that serve.
    """
    if gone := set(layout.tables).difference(_there(connection, layout.tables, number)):
        raise missing(numbered(table, number) for table in gone)
    with _aside(connection, layout):
        _rename(connection, layout.tables, number, None)
        yield
        _rename(connection, layout.tables, None, number)


def lay_out_beside(connection: apsw.Connection, layout: Layout, number: int) -> None:
    """Make the tables of a generation, with their indexes: those have names of their own, which are never changed."""
    tried = apsw.Connection(":memory:")
    tried.execute(layout.schema)
    remove_layout(connection, layout, number, layout.tables)
    with _aside(connection, layout):
        for sql in _statements(layout, number, tried):
            connection.execute(sql)
        for table, row in _first_rows(layout, tried):
            places = ", ".join("?" * len(row))
            connection.execute(_SQL["insert_row"].format(table=quoted(table), places=places), row)
        _rename(connection, layout.tables, None, number)
    connection.execute(_SQL["remember_definition"], (numbered(layout.name, number), layout.definition))


def exchange(
    connection: apsw.Connection, layout: Layout, old: tuple[int, Sequence[str]], new: tuple[int, Sequence[str]]
) -> None:
    """Let the tables of one generation take the place of those of another, each with its number."""
    number, tables = old
    _rename(connection, _there(connection, tables), None, number)
    connection.execute(_SQL["rename_definition"], (numbered(layout.name, number), layout.name))
    number, tables = new
    _rename(connection, tables, number, None)
    connection.execute(_SQL["rename_definition"], (layout.name, numbered(layout.name, number)))


def remove_layout(connection: apsw.Connection, layout: Layout, number: int, tables: Sequence[str]) -> None:
    """Drop the tables of a generation that is beside."""
    for table in tables:
        connection.execute(_SQL["drop_table"].format(table=quoted(numbered(table, number))))
    connection.execute(_SQL["forget_definition"], (numbered(layout.name, number),))


@contextmanager
def _aside(connection: apsw.Connection, layout: Layout) -> Generator[None]:
    """Let the active tables that are there leave their names to others."""
    tables = _there(connection, layout.tables)
    _rename(connection, tables, None, ASIDE)
    yield
    _rename(connection, tables, ASIDE, None)


def _rename(connection: apsw.Connection, tables: Sequence[str], before: int | None, after: int | None) -> None:
    """Give tables the names of another generation; None is the active one."""
    for table in tables:
        names = {"table": quoted(_called(table, before)), "other": quoted(_called(table, after))}
        connection.execute(_SQL["rename_table"].format(**names))


def _called(table: str, number: int | None) -> str:
    return table if number is None else numbered(table, number)


def _there(connection: apsw.Connection, tables: Sequence[str], number: int | None = None) -> list[str]:
    return [table for table in tables if connection.execute(_SQL["has_table"], (_called(table, number),)).get]


def _statements(layout: Layout, number: int, tried: apsw.Connection) -> list[str]:
    """What makes the tables and indexes. ``StoreRefusedError`` for a schema that makes something else."""
    found = []
    for kind, name, sql in tried.execute(_SQL["made"]).fetchall():
        if kind not in ("table", "index") or (kind == "table" and str(name).lower() not in layout.tables):
            raise not_beside(layout, f"the {kind} {name}")
        said = _INDEX.match(str(sql))
        index = f"{said[1]}{quoted(numbered(str(name), number))}{said.string[said.end() :]}" if said else str(sql)
        found.append(index)
    return found


def _first_rows(layout: Layout, tried: apsw.Connection) -> list[tuple[str, tuple[apsw.SQLiteValue, ...]]]:
    """Rows that the schema itself writes."""
    tables = _there(tried, layout.tables)
    return [(table, row) for table in tables for row in tried.execute(_SQL["rows_of"].format(table=quoted(table)))]
