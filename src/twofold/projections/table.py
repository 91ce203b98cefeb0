"""Tables as plain values: what a read model needs a database to keep, in no database's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from twofold.errors import StoreRefusedError

Kind: TypeAlias = Literal[
    "int", "text", "bool", "float", "decimal", "date", "datetime", "timedelta", "uuid", "enum", "json"
]
"""What a column holds. Backends map each to a type that keeps it exactly."""

Key: TypeAlias = Any
"""The key of a row: the value of its one key column, or a tuple where there are several."""


class Column(msgspec.Struct, frozen=True, eq=False):
    """A column: its name, what it holds, and the Python type of its values (without ``None`` and marks)."""

    name: str
    kind: Kind
    type: Any
    optional: bool = False


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
    that the table shares with others (empty: it has its own, under its name).
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[Index, ...]
    row: Callable[..., Any]
    folds: tuple[str, ...] = ()
    group: str = ""

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
        return self.key[0] == column or any(index.columns[0] == column for index in self.indexes)

    @property
    def definition(self) -> str:
        """Columns, key and event types as text: what must not change under rows that are already there."""
        columns = ", ".join(f"{column.name} {column.kind}{'?' if column.optional else ''}" for column in self.columns)
        return f"{columns}; key {', '.join(self.key)}; from {', '.join(self.folds) or 'nothing'}{f'; in {self.group}' if self.group else ''}"


class Changes(msgspec.Struct, frozen=True):
    """Rows of one table to write, each in place of the one with its key, and keys of rows to remove."""

    table: Table
    rows: Sequence[Any]
    removed: Sequence[Key] = ()


def definition_changed(table: Table, made_from: str | None) -> StoreRefusedError:
    """The refusal of a table that was made from another definition than the read model has now."""
    if made_from is None:
        return StoreRefusedError(
            f"There is a table or view {table.name} that is not a read model of Twofold",
            reason="foreign",
            remedy="Name the read model otherwise (@stored_as), or keep read models in a schema of their own.",
        )
    return StoreRefusedError(
        f"The definition of {table.name} has changed (the table: {made_from}; the code: {table.definition})",
        reason="definition-changed",
        remedy=f"It must be built again: drop the table {table.name}, and the next start fills it from the log.",
    )
