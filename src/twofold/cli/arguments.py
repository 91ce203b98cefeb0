"""The body of a command or query as it was typed: JSON, a file, or ``field=value`` words."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import click
import msgspec

from twofold.cli.guess import guess
from twofold.errors import InvalidInputError
from twofold.messages.codec import check, is_plain_number, read_json
from twofold.messages.markers import fields

_WORD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:?=)(.*)", re.DOTALL)
HELP = """\b
The fields are given in one of three ways:
  '{"quantity": 3}'     one JSON object
  --data @file          JSON from a file; @- reads stdin
  quantity=3 tags:='[]' field=value as text, field:=value as JSON
"""


def body(words: Sequence[str], data: str | None, kinds: Mapping[str, object]) -> str | bytes:
    """The JSON that was meant, not yet checked against the message.

    ``kinds`` are the types of the message's fields: a ``field=value`` is text, and only its field's type says whether
    it stands for a number, a date or a word. Raises ``click.UsageError`` for words that are none of the three ways.
    """
    if data is not None:
        if words:
            raise click.UsageError(f"--data and fields at once (fields: {' '.join(words)}). Use one of them.")
        return _read(data)
    if len(words) == 1 and words[0].lstrip().startswith(("{", "[")):
        return words[0]
    return _joined([_pair(word, kinds) for word in words])


def fields_of(name: str, classes: Mapping[str, type]) -> Mapping[str, object]:
    """The types of a message's fields; none for a name that nobody knows, which the registry refuses later."""
    return fields(classes[name]) if name in classes else {}


def _read(data: str) -> str | bytes:
    if not data.startswith("@"):
        return data
    if data == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise click.UsageError(f"--data {data} cannot be read: {error.strerror}. Check the path.") from error


def _pair(word: str, kinds: Mapping[str, object]) -> tuple[str, object]:
    found = _WORD.fullmatch(word)
    if not found:
        raise click.UsageError(f"Not a field: {word!r}. Write field=value, field:=JSON or one JSON object.")
    name, sign, text = found.groups()
    if kinds and name not in kinds:
        remedy = guess(name, tuple(kinds)) or f"Its fields are {', '.join(kinds)}."
        raise InvalidInputError(f"There is no field {name}", what=name, remedy=remedy)
    return name, _json(name, text) if sign == ":=" else _typed(name, text, kinds.get(name, str))


def _json(name: str, text: str) -> object:
    document = read_json(f'{{"value": {text}}}')
    if set(document) != {"value"}:
        raise click.UsageError(f"{name}:= holds more than one JSON value (value: {text!r}).")
    return document["value"]


def _typed(name: str, text: str, kind: object) -> object:
    """The text as its field's type reads it; text that does not fit stays text, for the message to refuse by name."""
    try:
        value = msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return text
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and not is_plain_number(text):
        return text  # Python reads ``1_0`` as ten.
    check(value, name)
    return msgspec.to_builtins(value)


def _joined(pairs: Sequence[tuple[str, object]]) -> str:
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise click.UsageError(f"{double} is given twice. Keep one of them; for a list write {double}:='[…]'.")
    return json.dumps(document)
