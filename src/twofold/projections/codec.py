"""Between rows and the columns of a database: what both backends do alike, column by column."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import starmap
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
from msgspec.inspect import FrozenSetType, SetType

from twofold.projections.columns import holds
from twofold.projections.table import Column, Key, Kind, Table
from twofold.projections.words import Words

Convert: TypeAlias = Callable[[Any], Any]
Converters: TypeAlias = tuple[Convert | None, Convert | None]
"""To what the driver takes and back, for one column; None where both are the same."""

_MICROSECOND = timedelta(microseconds=1)


class Codec:
    """The rows of one table as columns of driver values and back. ``kinds`` are the backend's own converters.

    A value that the database could not give back as it is raises ``TypeError``, ``ValueError`` or ``OverflowError``.
    """

    def __init__(self, table: Table, kinds: Mapping[Kind, Converters]) -> None:
        self._row = table.row
        self._words = Words(table) if table.searchable else None
        found = [_converters(column, kinds) for column in table.columns]
        self._there = [
            (attrgetter(column.name), there, column.optional)
            for column, (there, _) in zip(table.columns, found, strict=True)
        ]
        self._back = [(index, back) for index, (_, back) in enumerate(found) if back is not None]
        self._there_by_name = {column.name: there for column, (there, _) in zip(table.columns, found, strict=True)}
        self._key = [self._there_by_name[column.name] for column in table.key_columns]

    def columns(self, rows: Collection[Any]) -> list[list[Any]]:
        """One list for each column of the table, and one of the words that are searched for, if any are."""
        columns = [_converted(map(get, rows), there, optional) for get, there, optional in self._there]
        return columns if self._words is None else [*columns, self._words.column(rows, columns)]

    def keys(self, keys: Collection[Key]) -> list[list[Any]]:
        """One list for each column of the key."""
        columns: Iterable[Iterable[Any]] = (keys,) if len(self._key) == 1 else zip(*keys, strict=True)
        return [
            list(column if there is None else map(there, column))
            for there, column in zip(self._key, columns, strict=True)
        ]

    def values(self, column: str, values: Collection[Any]) -> list[Any]:
        """Values of one column."""
        there = self._there_by_name[column]
        return list(values if there is None else map(there, values))

    def rows(self, found: Collection[Iterable[Any]]) -> list[Any]:
        """The rows behind what the database found, columns in the table's order."""
        row, conversions = self._row, self._back
        if not conversions:
            return list(starmap(row, found))
        rows: list[Any] = []
        for each in found:
            values = list(each)
            for index, back in conversions:
                if (value := values[index]) is not None:
                    values[index] = back(value)
            rows.append(row(*values))
        return rows


def _converted(values: Iterable[Any], there: Convert | None, optional: bool) -> list[Any]:
    """One column. Written out, because this is done for every value that is saved."""
    if there is None:
        return list(values)
    if optional:
        return [None if value is None else there(value) for value in values]
    return list(map(there, values))


def portions(rows: Sequence[Any], count_max: int) -> Iterator[Sequence[Any]]:
    """Rows in portions, so that others have their turn while many are turned into the driver's values."""
    return (rows[at : at + count_max] for at in range(0, len(rows), count_max))


def utc(value: datetime) -> datetime:
    """The same time in UTC. A time without a zone could be any."""
    if value.tzinfo is UTC:
        return value
    if value.utcoffset() is None:
        raise ValueError(f"{value.isoformat()} has no time zone")
    return value.astimezone(UTC)


def finite(value: float) -> float:
    """A float that every database keeps."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return float(value)


def exact(value: Decimal) -> Decimal:
    """A Decimal that every database keeps."""
    if type(value) is not Decimal:
        value = Decimal(value)
    if not value.is_finite():
        raise ValueError(f"{value} is not a finite number")
    return value


def to_microseconds(value: timedelta) -> int:
    return value // _MICROSECOND


def from_microseconds(value: int) -> timedelta:
    return timedelta(microseconds=value)


def enum_converters(column: Column) -> Converters:
    """A member as its value: the constructor of an Enum takes three times as long as a dict."""
    return attrgetter("value"), {member.value: member for member in column.type}.__getitem__


def json_converters(column: Column) -> Converters:
    """A document as JSON. Dicts keep their order, because a fold may depend on it; sets have none, and are sorted."""
    encode = msgspec.json.Encoder(order="deterministic" if holds(column.type, SetType, FrozenSetType) else None).encode

    def there(value: Any) -> str:
        text = encode(value).decode()
        if "\\u0000" in text:
            raise ValueError(
                f"{column.name} holds a NUL character"
            )  # PostgreSQL would take it and then fail to read it.
        return text

    return there, msgspec.json.Decoder(column.type).decode


class Statements(msgspec.Struct, frozen=True, eq=False):
    """The statements of one table, as a backend spells them, and its codec.

    ``sought`` are those of the ``indexes`` that folds find rows by; ``follow`` lets a search that is kept beside follow
    the rows, where there is one.
    """

    create: str
    follow: str
    indexes: tuple[str, ...]
    sought: tuple[str, ...]
    select: str
    load: str
    remove: str
    upsert: str
    codec: Codec


def _converters(column: Column, kinds: Mapping[Kind, Converters]) -> Converters:
    if column.kind == "enum":
        return enum_converters(column)
    if column.kind == "json":
        return json_converters(column)
    return kinds.get(column.kind, (None, None))
