"""How PostgreSQL keeps the rows of a read model: types, conversions, and statements made from a table's definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

from twofold.backends.postgres.connection import quoted
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
from twofold.projections.indexes import fitting
from twofold.projections.table import Column, Index, Kind, Table
from twofold.projections.words import WORDS_COLUMN
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.postgres", "reads.sql")

_TYPES: dict[Kind, str] = {
    "int": "bigint", "text": "text", "bool": "boolean", "float": "double precision", "decimal": "numeric", "date": "date",
    "datetime": "timestamptz", "timedelta": "bigint", "uuid": "uuid", "enum": "text", "json": "json",
}  # fmt: skip

# Documents are json, not jsonb, which would sort the keys of a dict: the next fold must find them as this one left them.

_WORDS = f"{WORDS_COLUMN} tsvector not null default ''"

_BY_BYTES: frozenset[Kind] = frozenset(("text", "enum"))
"""Text is compared and sorted by its bytes, as SQLite does it, whatever the database's locale."""


def plain(value: Decimal) -> Decimal:
    """The driver makes ``1.0E+5`` of what is stored as 100000."""
    return Decimal(format(value, "f")) if "E" in str(value) else value


def _in_utc(value: datetime) -> datetime:
    """The driver takes the first and the last moment that Python knows for the infinities, which have no zone."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


_CONVERTERS: dict[Kind, Converters] = {
    "float": (finite, None),
    "decimal": (exact, plain),
    "datetime": (utc, _in_utc),
    "timedelta": (to_microseconds, from_microseconds),
    "uuid": (None, lambda value: UUID(int=value.int)),  # The driver has a UUID class of its own.
}


@lru_cache(maxsize=1024)
def statements(table: Table) -> Statements:
    """Everything that is said to PostgreSQL about a table. Identifiers come from the code, and are plain names."""
    names = (*table.names, WORDS_COLUMN) if table.searchable else table.names
    others = [name for name in names if name not in table.key]
    words = {
        "table": quoted(table.name),
        "columns": ", ".join(f"{quoted(table.name)}.{quoted(name)}" for name in table.names),
        "arrays": arrays(table),
        "key": ", ".join(map(quoted, table.key)),
        "key_arrays": ", ".join(
            f"${number}::{_TYPES[each.kind]}[]" for number, each in enumerate(table.key_columns, 1)
        ),
        "key_is": " and ".join(f"{quoted(table.name)}.{quoted(name)} = gone.{quoted(name)}" for name in table.key),
        "declared": ", ".join([*map(_declared, table.columns), *[_WORDS for _ in table.searchable[:1]]]),
        "words": WORDS_COLUMN,
        "names": ", ".join(map(quoted, table.names)),
        "update": f"update set {', '.join(map(_replaced, others))}" if others else "nothing",
    }

    def made(indexes: Sequence[Index]) -> Iterator[str]:
        for each in indexes:
            yield _SQL["create_index"].format(index=quoted(each.name), of=_indexed(each), where=_where(each), **words)

    return Statements(
        create=_SQL["create_table"].format(**words),
        follow="",
        indexes=(
            *made(table.indexes),
            *(
                _SQL["create_words_index"].format(index=quoted(words_index(table.name)), **words)
                for _ in table.searchable[:1]
            ),
        ),
        sought=tuple(made(table.sought_indexes)),
        select=_SQL["select_rows"].format(**words),
        load=_SQL["load_rows"].format(**words),
        remove=_SQL["remove_rows"].format(**words),
        upsert=_SQL["write_searchable_rows" if table.searchable else "write_rows"].format(**words),
        codec=Codec(table, _CONVERTERS),
    )


def add_column(table: Table, column: Column) -> str:
    """What adds a column to a table that has rows."""
    values = [] if column.default is None else statements(table).codec.values(column.name, [column.default])
    value = values[0] if values else None
    return _SQL["add_column"].format(
        table=quoted(table.name), declared=_declared(column), default=_literal(column, value)
    )


def arrays(table: Table) -> str:
    """A parameter for each column, and one for words: an array of its type."""
    types = [_TYPES[column.kind] for column in table.columns] + ["text" for _ in table.searchable[:1]]
    return ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types, 1))


def renew_words(table: Table) -> tuple[str, ...]:
    """What takes the words from a table, and makes room for others where something is searched for."""
    words = {"table": quoted(table.name), "words": WORDS_COLUMN, "declared": _WORDS}
    wanted = ("forget_words", "add_words") if table.searchable else ("forget_words",)
    return tuple(_SQL[name].format(**words) for name in wanted)


def find_statement(table: Table, column: str) -> str:
    """What finds rows by the values of one column."""
    array = next(_TYPES[each.kind] for each in table.columns if each.name == column)
    return f"{statements(table).select} {_SQL['find_rows'].format(column=quoted(column), type=array)}"


def words_index(table: str) -> str:
    """The name of the index that finds rows of a table by words."""
    return fitting(f"{table}_{WORDS_COLUMN}_idx")


def _declared(column: Column) -> str:
    collation = ' collate "C"' if column.kind in _BY_BYTES else ""
    return f"{quoted(column.name)} {_TYPES[column.kind]}{collation}{'' if column.optional else ' not null'}"


def _indexed(index: Index) -> str:
    return ", ".join(f"{quoted(name)} desc" if name in index.descending else quoted(name) for name in index.columns)


def _where(index: Index) -> str:
    return f" where {index.where}" if index.where else ""


def _literal(column: Column, value: object) -> str:
    if value is None:
        return "null"
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    escaped = text.replace("'", "''")
    return f"'{escaped}'::{_TYPES[column.kind]}"


def _replaced(name: str) -> str:
    return f"{quoted(name)} = excluded.{quoted(name)}"


_PARAMS: dict[type, Callable[[Any], object]] = {datetime: utc, timedelta: to_microseconds}


def param(value: object) -> object:
    """A value given to a question as PostgreSQL compares it with a column of its kind."""
    convert = _PARAMS.get(type(value))
    if convert is not None:
        return convert(value)
    if isinstance(value, (list, tuple)):
        return [param(each) for each in value]
    return value.value if isinstance(value, Enum) else value
