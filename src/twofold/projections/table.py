"""Tables as plain values: what a read model needs a database to keep, in no database's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal[
    "int", "text", "bool", "float", "decimal", "date", "datetime", "timedelta", "uuid", "enum", "json"
]
"""What a column holds. Backends map each to a type that keeps it exactly."""

Key: TypeAlias = Any
"""The key of a row: the value of its one key column, or a tuple where there are several."""


class Column(msgspec.Struct, frozen=True, eq=False):
    """A column: its name, what it holds, and the Python type of its values (without ``None`` and marks).

    Where it ``has_default``, rows that are older than the column hold its ``default``.
    """

    name: str
    kind: Kind
    type: Any
    optional: bool = False
    has_default: bool = False
    default: Any = None
    searchable: bool = False


class Index(msgspec.Struct, frozen=True):
    """An index on some columns, in order; ``descending`` are those of them that descend.

    It holds only the rows for which ``where`` is true, if that says anything.
    """

    name: str
    columns: tuple[str, ...]
    descending: tuple[str, ...] = ()
    where: str = ""

    @property
    def definition(self) -> str:
        """Columns and predicate, as in ``tier, score desc where score >= 70``."""
        columns = ", ".join(f"{name} desc" if name in self.descending else name for name in self.columns)
        return f"{columns} where {self.where}" if self.where else columns


class Table(msgspec.Struct, frozen=True, eq=False):
    """A table whose rows are values of ``row``, made from its columns in order.

    ``key`` names the primary key, ``folds`` the event types that the rows are made from, and ``group`` the checkpoint
    that the table shares with others (empty: it has its own, under its name). A ``strong`` table is written by appends.
    ``sought`` are the columns by which folds find rows: their indexes are needed from the first row on.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[Index, ...]
    row: Callable[..., Any]
    folds: tuple[str, ...] = ()
    group: str = ""
    strong: bool = False
    sought: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.name in self.key)

    @property
    def subscription(self) -> str:
        """Under which name its checkpoint is kept."""
        return self.group or self.name

    def finds_by(self, column: str) -> bool:
        """Whether rows are found by one column without looking at all of them."""
        return self.key[0] == column or any(index.columns[0] == column and not index.where for index in self.indexes)

    @property
    def sought_indexes(self) -> tuple[Index, ...]:
        """The indexes that folds find rows by."""
        return tuple(index for index in self.indexes if index.columns[0] in self.sought)

    @property
    def searchable(self) -> tuple[Column, ...]:
        """The columns whose words are searched for."""
        return tuple(column for column in self.columns if column.searchable)

    @property
    def definition(self) -> str:
        """Columns, key, event types and the like as text, to be kept beside the rows that were made from it."""
        columns = ", ".join(f"{column.name} {column.kind}{'?' if column.optional else ''}" for column in self.columns)
        parts = [columns, f"key {', '.join(self.key)}", f"from {', '.join(self.folds) or 'nothing'}"]
        if self.group:
            parts.append(f"in {self.group}")
        if self.searchable:
            parts.append(f"search {', '.join(column.name for column in self.searchable)}")
        if self.indexes:
            indexes = {index.name: index.definition for index in self.indexes}
            parts.append(f"indexes {msgspec.json.encode(indexes).decode()}")
        return "; ".join(parts)


class Changes(msgspec.Struct, frozen=True):
    """Rows of one table to write, each in place of the one with its key, and keys of rows to remove.

    ``are_new`` says that the database is known to have no row with any of these keys.
    """

    table: Table
    rows: Sequence[Any]
    removed: Sequence[Key] = ()
    are_new: bool = False
