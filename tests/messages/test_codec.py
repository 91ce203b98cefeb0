"""What a message may hold, and what is said about the rest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from twofold.errors import InvalidInputError
from twofold.messages import Command, Event
from twofold.messages.codec import DEPTH_MAX, from_json, read_json, validated


class Line(Struct, frozen=True):
    item: str
    price: Decimal
    weight: float | None = None


class OrderPlaced(Event):
    order_id: Annotated[str, Meta(min_length=1, max_length=20)] = "o"
    quantity: int = 1
    total: Decimal = Decimal(0)
    ratio: float = 0.5
    day: date = date(2010, 12, 1)
    at: datetime = datetime(2010, 12, 1, tzinfo=UTC)
    reference: UUID | None = None
    lines: list[Line] = []
    extra: dict[str, Any] = {}


class PlaceOrder(Command):
    order_id: str
    total: Decimal = Decimal(0)
    lines: list[Line] = []


def nested(depth: int) -> object:
    return {"a": nested(depth - 1)} if depth else 1


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("an empty text", {"order_id": ""}, "order_id"),
    ("a text over its limit", {"order_id": "x" * 21}, "order_id"),
    ("a mistyped field", {"quantity": "1"}, "quantity"),
    ("a float for an int", {"quantity": 1.5}, "quantity"),
    ("an integer beyond 64 bits", {"quantity": 2**63}, "quantity"),
    ("one far below", {"quantity": -(2**63) - 1}, "quantity"),
    ("not a number", {"ratio": float("nan")}, "ratio"),
    ("infinity", {"ratio": float("-inf")}, "ratio"),
    ("an inexact decimal", {"total": Decimal("NaN")}, "total"),
    ("an endless decimal", {"total": Decimal("1e999")}, "total"),
    ("a time without zone", {"at": datetime(2010, 12, 1)}, "at"),  # noqa: DTZ001
    ("a NUL character", {"order_id": "a\0b"}, ""),
    ("a lone surrogate", {"order_id": "\ud800"}, ""),
    ("a bad number inside a list", {"lines": [Line("a", Decimal("sNaN"))]}, "lines[0].price"),
    ("a bad number inside a struct", {"lines": [Line("a", Decimal(1), float("inf"))]}, "lines[0].weight"),
    ("deep nesting", {"extra": nested(DEPTH_MAX + 1)}, "extra" + ".a" * DEPTH_MAX),
    ("a value that is no JSON", {"extra": {"a": object()}}, ""),
]


@pytest.mark.parametrize(("fields", "what"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_no_database_can_hold_is_refused_with_the_field(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidInputError, match="OrderPlaced: ") as refused:
        validated(OrderPlaced(**fields))

    assert refused.value.what == what
    assert refused.value.remedy


@pytest.mark.parametrize(
    "fields",
    [
        {"quantity": 2**63 - 1},
        {"quantity": -(2**63)},
        {"order_id": "\\u0000"},
        {"order_id": "ж€😀 \x01"},
        {"total": Decimal("-12345678901234567890.123456789")},
        {"extra": nested(DEPTH_MAX - 1)},
    ],
)
def test_what_they_can_hold_comes_back_unchanged(fields: dict[str, Any]) -> None:
    event = OrderPlaced(**fields)

    assert validated(event)[0] == event


@given(st.text(max_size=20), st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_a_message_is_what_will_be_read_back_or_is_refused(text: str, number: Decimal) -> None:
    command = PlaceOrder(order_id=text, total=number)
    try:
        again, data = validated(command)
    except InvalidInputError:
        assert "\0" in text or any(0xD800 <= ord(each) < 0xE000 for each in text)
    else:
        assert again == command == from_json(PlaceOrder, data)


@pytest.mark.parametrize(
    ("raw", "fact"),
    [
        ("[]", "not a JSON object but list"),
        ("{", "not JSON"),
        (b"\xff", "not JSON"),
        ('{"order_id": "a", "order_id": "b"}', "order_id stands twice"),
        ('{"order_id": NaN}', "NaN is not JSON"),
        ('{"order_id": 1e999}', "is inf"),
        ('{"order_id": 99999999999999999999}', "beyond 64 bits"),
        ('{"order_id": 1}', "Expected `str`, got `int`"),
        ("{}", "missing required field `order_id`"),
        ('{"order_id": "a", "colour": 1}', "unknown field `colour`"),
        ('{"order_id": "a", "total": "1_000"}', "total is not a plain number: 1_000"),
        ('{"order_id": "a", "total": "１２"}', "total is not a plain number"),
        ('{"order_id": "a", "lines": [{"item": "x", "price": "1_0"}]}', "lines\\[0\\].price is not a plain number"),
        ('{"order_id": "\\ud800"}', "lone surrogate"),
        ('{"a":' * 2000 + "1" + "}" * 2000, "nested deeper|Not JSON"),
    ],
)
def test_json_that_somebody_typed_is_read_strictly(raw: str | bytes, fact: str) -> None:
    with pytest.raises(InvalidInputError, match=f"(?i){fact}"):
        from_json(PlaceOrder, raw)


def test_plain_json_is_read() -> None:
    assert from_json(PlaceOrder, '{"order_id": "a", "total": "12.50"}').total == Decimal("12.50")
    assert read_json(b'{"a": [1, null, "x"]}') == {"a": [1, None, "x"]}
