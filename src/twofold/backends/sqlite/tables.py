"""How SQLite keeps the rows of a read model: types, conversions, and statements made from a table's definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

import apsw
import msgspec

from twofold.projections.codec import (
    Codec,
    Converters,
    Statements,
    exact,
    finite,
    from_microseconds,
    to_microseconds,
    utc,
)
from twofold.projections.table import Column, Index, Kind, Table
from twofold.projections.words import WORDS_COLUMN
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.sqlite", "reads.sql")

_TYPES: dict[Kind, str] = {
    "int": "integer", "text": "text", "bool": "integer", "float": "real", "decimal": "text collate decimal",
    "date": "text", "datetime": "text", "timedelta": "integer", "uuid": "text", "enum": "text", "json": "text",
}  # fmt: skip


_TIME_CHARACTERS = len("2000-01-01T00:00:00.000001Z")


def decimal_text(value: Decimal) -> str:
    """A number as plain digits, which the collation and ``decimal_sum`` compare and add exactly."""
    if type(value) is not Decimal or not value.is_finite():
        value = exact(value)
    text = str(value)
    return format(value, "f") if "E" in text else text


def datetime_text(value: datetime) -> str:
    """Always as long, so that texts sort as times do. (msgspec writes a time ten times as fast as ``isoformat``.)"""
    text: str = msgspec.to_builtins(value if value.tzinfo is UTC else utc(value))
    return text if len(text) == _TIME_CHARACTERS else f"{text[:-1]}.000000Z"


_CONVERTERS: dict[Kind, Converters] = {
    "bool": (int, bool),
    "float": (finite, None),
    "decimal": (decimal_text, Decimal),
    "date": (lru_cache(maxsize=4096)(date.isoformat), date.fromisoformat),
    "datetime": (datetime_text, datetime.fromisoformat),
    "timedelta": (to_microseconds, from_microseconds),
    "uuid": (str, UUID),
}


@lru_cache(maxsize=1024)
def statements(table: Table) -> Statements:
    """Everything that is said to SQLite about a table. Identifiers come from the code, and are plain names."""
    written = (*table.names, WORDS_COLUMN) if table.searchable else table.names
    others = [name for name in written if name not in table.key]
    words = {
        **search_words(table.name),
        "columns": names(table),
        "written": ", ".join(map(quoted, written)),
        "places": ", ".join("?" for _ in written),
        "key": ", ".join(map(quoted, table.key)),
        "key_is": " and ".join(f"{quoted(name)} = ?" for name in table.key),
        "declared": declarations(table),
        "update": f"update set {', '.join(map(_replaced, others))}" if others else "nothing",
    }

    def made(indexes: Sequence[Index]) -> Iterator[str]:
        for each in indexes:
            yield _SQL["create_index"].format(index=quoted(each.name), of=_indexed(each), where=_where(each), **words)

    return Statements(
        create=_SQL["create_searchable_table" if table.searchable else "create_table"].format(**words),
        follow=_SQL["create_search_triggers"].format(**words) if table.searchable else "",
        indexes=tuple(made(table.indexes)),
        sought=tuple(made(table.sought_indexes)),
        select=_SQL["select_rows"].format(**words),
        load=_SQL["load_rows"].format(**words),
        remove=_SQL["remove_rows"].format(**words),
        upsert=_SQL["write_rows"].format(**words),
        codec=Codec(table, _CONVERTERS),
    )


def search_words(table: str) -> dict[str, str]:
    """What the statements about a table and its search call them."""
    search = f"twofold_search_{table}"
    return {
        "table": quoted(table),
        "search": quoted(search),
        "words": WORDS_COLUMN,
        **{when: quoted(f"{search}_{when}") for when in ("inserted", "deleted", "changed")},
    }


def names(table: Table) -> str:
    """The columns of its rows."""
    return ", ".join(map(quoted, table.names))


def search_table(table: Table) -> str:
    """The name of the table that finds rows by words."""
    return f"twofold_search_{table.name}"


def add_column(table: Table, column: Column) -> str:
    """What adds a column to a table that has rows."""
    values = [] if column.default is None else statements(table).codec.values(column.name, [column.default])
    value = values[0] if values else None
    return _SQL["add_column"].format(
        table=quoted(table.name), declared=_declared(column), default=apsw.format_sql_value(value)
    )


def declarations(table: Table) -> str:
    """The columns as ``create table`` declares them."""
    return ", ".join(map(_declared, table.columns))


def find_statement(table: Table, column: str) -> str:
    """What finds rows by the value of one column."""
    return f"{statements(table).select} {_SQL['find_rows'].format(column=quoted(column))}"


def _indexed(index: Index) -> str:
    return ", ".join(f"{quoted(name)} desc" if name in index.descending else quoted(name) for name in index.columns)


def _where(index: Index) -> str:
    return f" where {index.where}" if index.where else ""


def refuse_odd_texts(table: Table, columns: Sequence[Sequence[Any]]) -> None:
    """``TypeError`` or ``ValueError`` for what SQLite would put into a column of text, and PostgreSQL would not."""
    # Behind the columns may come the words that are searched for, in which there are letters and digits only.
    for column, values in zip(table.columns, columns, strict=False):
        if column.kind == "text":
            texts = [value for value in values if value is not None] if column.optional else values
            if "\0" in "".join(texts):
                raise ValueError(f"{column.name} holds a NUL character")


def _replaced(name: str) -> str:
    return f"{quoted(name)} = excluded.{quoted(name)}"


def quoted(name: str) -> str:
    """A name that may also be a keyword."""
    return f'"{name}"'


def _declared(column: Column) -> str:
    return f"{quoted(column.name)} {_TYPES[column.kind]}{'' if column.optional else ' not null'}"


_PARAMS: dict[type, Callable[[Any], object]] = {
    Decimal: decimal_text, date: date.isoformat, datetime: datetime_text, timedelta: to_microseconds, UUID: str,
}  # fmt: skip


def param(value: object) -> object:
    """A value given to a question as SQLite compares it with a column of its kind."""
    convert = _PARAMS.get(type(value))
    if convert is not None:
        return convert(value)
    return value.value if isinstance(value, Enum) else value
