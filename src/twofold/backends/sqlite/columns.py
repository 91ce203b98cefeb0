"""What a name in a statement holds, as far as the tables of the app tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from twofold.projections.table import Kind, Table

Holds: TypeAlias = Literal["decimal", "float", "int", "whole", "number", "other"]
"""What an expression gives. A ``number`` stands in the statement itself; ``whole`` is a sum of ints, which is divided
as an exact number, not as an int."""

_HOLDS: dict[Kind, Holds] = {"decimal": "decimal", "float": "float", "int": "int", "timedelta": "int"}


class Columns:
    """The columns of the tables that a statement names, and the names that it gives to exact numbers itself."""

    def __init__(self, named: Mapping[str, Table]) -> None:
        self._by_table: dict[str, dict[str, Holds]] = {
            name: {column.name: _HOLDS.get(column.kind, "other") for column in table.columns}
            for name, table in named.items()
        }
        self._optional = {
            name: {column.name for column in table.columns if column.optional} for name, table in named.items()
        }
        self._by_name: dict[str, Holds] = {}
        for columns in self._by_table.values():
            for name, holds in columns.items():
                # Where tables differ, a sum that takes all of them for exact is right for each.
                if holds == "decimal" or name not in self._by_name:
                    self._by_name[name] = holds

    @property
    def are_exact(self) -> bool:
        """Whether there is an exact number among them."""
        return "decimal" in self._by_name.values()

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def holds(self, name: str, of: str | None = None) -> Holds:
        """What a column holds, of the table or alias ``of`` if that is said."""
        columns = self._by_table.get(of or "", self._by_name)
        return columns.get(name, "other")

    def never_null(self, name: str, of: str | None = None) -> bool:
        """Whether a column always has a value."""
        tables = [of] if of is not None else [table for table, columns in self._by_table.items() if name in columns]
        known = [table for table in tables if name in self._by_table.get(table, {})]
        return bool(known) and not any(name in self._optional[table] for table in known)

    def named(self, name: str) -> bool:
        """Note that the statement gives this name to an exact number; whether that is news."""
        news = self._by_name.get(name) != "decimal"
        self._by_name[name] = "decimal"
        return news
