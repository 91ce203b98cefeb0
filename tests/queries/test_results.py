"""From what databases give to typed answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest

from twofold.errors import QueryError
from twofold.projections import Found
from twofold.queries.results import typed


class Tier(Enum):
    LOW = "low"


class Line(msgspec.Struct):
    item: str
    amount: Decimal


class Order(msgspec.Struct):
    id: UUID
    total: Decimal
    paid: bool
    placed: datetime
    day: date
    waited: timedelta
    lines: list[Line]
    tier: Tier | None = None
    note: str | None = None


@dataclass
class Pair:
    a: int
    b: str


COLUMNS = ["id", "total", "paid", "placed", "day", "waited", "lines", "tier", "note"]
EXPECTED = Order(
    id=UUID(int=1),
    total=Decimal("1.50"),
    paid=True,
    placed=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
    day=date(2024, 1, 2),
    waited=timedelta(seconds=1),
    lines=[Line("tea", Decimal("0.10"))],
    tier=Tier.LOW,
)
LINES = '[{"item":"tea","amount":"0.10"}]'


@pytest.mark.parametrize(
    "row",
    [
        (str(UUID(int=1)), "1.50", 1, "2024-01-02T03:04:05.000000Z", "2024-01-02", 1_000_000, LINES, "low", None),
        (UUID(int=1), "1.50", True, EXPECTED.placed, EXPECTED.day, 1_000_000, LINES, "low", None),
    ],
    ids=["as SQLite gives it", "as PostgreSQL gives it"],
)
def test_a_struct_is_made_from_columns_by_name(row: tuple[Any, ...]) -> None:
    assert typed(Order, Found(COLUMNS, [row])) == [EXPECTED]


@pytest.mark.parametrize(
    ("type_", "columns", "row", "value"),
    [
        (int, ["n"], (3,), 3),
        (int, ["n"], ("3",), 3),
        (Decimal, ["n"], ("1.50",), Decimal("1.50")),
        (float, ["n"], ("1.5",), 1.5),
        (str, ["n"], ("null",), "null"),
        (bool, ["n"], (0,), False),
        (timedelta, ["n"], (5,), timedelta(microseconds=5)),
        (list[Line], ["n"], (LINES,), [Line("tea", Decimal("0.10"))]),
        (tuple[int, str], ["n", "s"], (1, "a"), (1, "a")),
        (dict[str, Any], ["n", "s"], (1, "a"), {"n": 1, "s": "a"}),
        (Pair, ["b", "a"], ("x", 1), Pair(1, "x")),
        (str | None, ["n"], (None,), None),
    ],
)
def test_other_types_have_their_own_way(type_: Any, columns: list[str], row: tuple[Any, ...], value: object) -> None:
    (found,) = typed(type_, Found(columns, [row]))
    assert found == value
    assert type(found) is type(value)


def test_no_rows_are_an_empty_answer() -> None:
    assert typed(Order, Found([], [])) == []


@pytest.mark.parametrize(
    ("type_", "columns", "row", "message"),
    [
        (int, ["n", "m"], (1, 2), "Asked for one column, found 2: n, m"),
        (int, ["n"], ("x",), r"A row is not int: .*\(columns: n\)"),
        (Pair, ["a", "c"], (1, "x"), "No field for the column c"),
        (Pair, ["a"], (1,), "A row is not Pair: Object missing required field `b`"),
        (tuple[int, int], ["n"], (1,), "A row is not tuple"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(type_: Any, columns: list[str], row: tuple[Any, ...], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        typed(type_, Found(columns, [row]))
