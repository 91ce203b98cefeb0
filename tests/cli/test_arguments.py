"""Bodies as people type them: JSON, a file, or words; strictly read."""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest

from twofold.cli.arguments import body
from twofold.errors import InvalidInputError
from twofold.messages.codec import from_json
from twofold.messages.markers import Key, fields
from twofold.messages.message import Command


class Order(Command):
    order_id: Key[str]
    quantity: int = 1
    price: Decimal = Decimal(0)
    weight: float | None = None
    express: bool = False
    due: date | None = None
    notes: list[str] = []


FIELDS = fields(Order)


def typed(*words: str, data: str | None = None) -> Order:
    return from_json(Order, body(words, data, FIELDS))


def test_words_are_read_by_the_type_of_their_field() -> None:
    found = typed("order_id=7", "quantity=3", "price=1.10", "weight=2.5", "express=true", "due=2010-12-01")
    wanted = Order(order_id="7", quantity=3, price=Decimal("1.10"), weight=2.5, express=True, due=date(2010, 12, 1))
    assert found == wanted


def test_a_value_may_hold_equals_signs_and_lines() -> None:
    assert typed("order_id=a=b\nc").order_id == "a=b\nc"


def test_a_word_with_colon_equals_is_json() -> None:
    assert typed("order_id=1", 'notes:=["a", "b"]').notes == ["a", "b"]


def test_one_word_that_begins_like_json_is_json() -> None:
    assert typed('  {"order_id": "1", "quantity": 2}').quantity == 2


def test_no_words_are_an_empty_object() -> None:
    assert json.loads(body((), None, {})) == {}


def test_data_comes_from_text_file_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = '{"order_id": "ä"}'
    (tmp_path / "order.json").write_text(raw, encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw.encode())))
    for data in (raw, f"@{tmp_path / 'order.json'}", "@-"):
        assert typed(data=data).order_id == "ä"


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    with pytest.raises(click.UsageError, match="No such file"):
        body((), "@/nowhere/x.json", {})


@pytest.mark.parametrize(
    "words",
    [("order_id",), ("=3",), ("order id=3",), ("order_id=1", "{}"), ("order_id=1", "order_id=2"), ('notes:=1,"b":2',)],
)
def test_words_that_are_no_fields_are_usage_errors(words: tuple[str, ...]) -> None:
    with pytest.raises((click.UsageError, InvalidInputError)):
        typed(*words)


def test_data_and_words_at_once_are_a_usage_error() -> None:
    with pytest.raises(click.UsageError, match="at once"):
        body(("order_id=1",), "{}", FIELDS)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("order_id=1", "quantity=１２"), "quantity"),
        (("order_id=1", "quantity=1_000"), "quantity"),
        (("order_id=1", "quantity=99999999999999999999"), "quantity"),
        (("order_id=1", "weight=nan"), "weight"),
        (("order_id=1", "weight=inf"), "weight"),
        (("order_id=1", "price=NaN"), "price"),
        (("order_id=1", "express=perhaps"), "express"),
        (("order_id=1", "due=tomorrow"), "due"),
        (("order_id=1", "colour=red"), "colour"),
        (("quantity=1",), "order_id"),
    ],
)
def test_a_wrong_word_is_refused_by_the_name_of_its_field(words: tuple[str, ...], names: str) -> None:
    with pytest.raises(InvalidInputError, match=names):
        typed(*words)


@pytest.mark.parametrize(
    "raw",
    [
        '{"order_id": "1", "order_id": "2"}',
        '{"order_id": "1", "weight": NaN}',
        '{"order_id": "1", "notes": ' + "[" * 100 + "]" * 100 + "}",
        '{"order_id": "\\ud800"}',
        '{"order_id": "1", "quantity": 1e999}',
        "[]",
        "",
        '{"order_id": "1"} x',
    ],
)
def test_json_that_no_database_could_hold_is_refused(raw: str) -> None:
    with pytest.raises(InvalidInputError):
        typed(data=raw)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidInputError):
        typed("order_id=\udcff")


def test_a_field_that_is_nearly_right_gets_a_guess() -> None:
    with pytest.raises(InvalidInputError, match=r"no field quantiti. Did you mean quantity\?"):
        typed("quantiti=1")


def test_an_unknown_message_has_no_fields_and_words_stay_text() -> None:
    document: Any = json.loads(body(("quantity=3",), None, {}))
    assert document == {"quantity": "3"}


@pytest.mark.parametrize("text", ["1_0", "１２", "٣"])
def test_only_plain_digits_are_numbers(text: str) -> None:
    assert json.loads(body([f"amount={text}", f"count={text}"], None, {"amount": Decimal, "count": int})) == {
        "amount": text,
        "count": text,
    }
