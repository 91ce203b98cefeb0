"""Rows in memory, just as a database keeps them, so that what was folded can be compared exactly with what is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from twofold.projections.codec import Codec, Converters, exact, finite, utc
from twofold.projections.projection import Projection
from twofold.projections.table import Changes, Key, Kind, Table

Values: TypeAlias = tuple[Any, ...]
"""A row as it is kept: plain values in the order of the columns, documents as JSON text."""


def digits(value: Decimal) -> str:
    """Exact numbers are kept with the digits behind the point that they have, and without the sign of zero."""
    return format(exact(value if value else abs(value)), "f")


_CONVERTERS: Mapping[Kind, Converters] = {
    "float": (finite, None),
    "decimal": (digits, Decimal),
    "datetime": (utc, None),
}


class Keeper:
    """Turns rows of one table into what is kept of them, and back."""

    def __init__(self, table: Table) -> None:
        self._row_key: Callable[[Any], Key] = attrgetter(*table.key)
        # Words are made from the row: they are nothing of their own to compare.
        columns = tuple(msgspec.structs.replace(column, searchable=False) for column in table.columns)
        self.names = table.names
        self._codec = Codec(msgspec.structs.replace(table, columns=columns), _CONVERTERS)

    def kept(self, rows: Collection[Any]) -> dict[Key, Values]:
        """``TypeError``, ``ValueError`` or ``OverflowError`` for a row that no database would keep."""
        values = zip(*self._codec.columns(rows), strict=True)
        return dict(zip(map(self._row_key, rows), values, strict=True))

    def rows(self, kept: Collection[Values]) -> list[Any]:
        return self._codec.rows(kept)

    def values(self, column: str, values: Collection[Any]) -> list[Any]:
        return self._codec.values(column, values)


class Ledger:
    """What the folds of some read models have come to. It is ``Loading`` for a fold: whoever loads a row gets a copy."""

    def __init__(self, projections: Collection[Projection]) -> None:
        self.keepers = {each.name: Keeper(each.table) for each in projections}
        self.kept: Mapping[str, dict[Key, Values]] = {each.name: {} for each in projections}

    def __len__(self) -> int:
        return sum(map(len, self.kept.values()))

    def turned(self, changes: Sequence[Changes]) -> dict[str, dict[Key, Values | None]]:
        """What becomes of the kept rows; None for one that is gone. Errors as of ``Keeper.kept``."""
        found: dict[str, dict[Key, Values | None]] = {}
        for each in changes:
            found[each.table.name] = {
                **dict.fromkeys(each.removed),
                **self.keepers[each.table.name].kept(each.rows),
            }
        return found

    def take(self, turned: Mapping[str, Mapping[Key, Values | None]]) -> None:
        for name, rows in turned.items():
            kept = self.kept[name]
            for key, values in rows.items():
                if values is None:
                    kept.pop(key, None)
                else:
                    kept[key] = values

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        kept = self.kept[table.name]
        return self.keepers[table.name].rows([kept[key] for key in keys if key in kept])

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        keeper = self.keepers[table.name]
        at, wanted = keeper.names.index(column), set(keeper.values(column, values))
        return keeper.rows([row for row in self.kept[table.name].values() if row[at] in wanted])
