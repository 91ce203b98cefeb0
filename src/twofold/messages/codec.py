"""Messages to JSON and back, and the one place that says what a message may hold."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from twofold.errors import InvalidInputError
from twofold.messages.naming import name_of

T = TypeVar("T")

DEPTH_MAX = 64
INT_MAX = 2**63 - 1
DIGITS_MAX = 128
"""Digits of a Decimal on either side of the point: beyond every ledger, and within both databases' exact types."""

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?", re.ASCII)
_encode = msgspec.json.Encoder().encode
_decoders: dict[type, Callable[[bytes], Any]] = {}
_risky: dict[type, tuple[str, ...]] = {}


def encode(message: object) -> bytes:
    """A message as compact JSON, UTF-8. It is not checked: see ``validated``."""
    return _encode(message)


def decoder(cls: type[T]) -> Callable[[bytes], T]:
    """The decode function of a message type, built once."""
    found: Callable[[bytes], T] | None = _decoders.get(cls)
    if found is None:
        found = _decoders[cls] = msgspec.json.Decoder(cls).decode
    return found


def validated(message: T) -> tuple[T, bytes]:
    """The message as it will be read back, and its JSON.

    It is encoded and decoded again, so that types and constraints are those of the class, and what is decided on
    and folded now is what will be read later. Raises ``InvalidInputError`` that names the field for anything that
    JSON, SQLite or PostgreSQL cannot hold: NaN and infinity, integers beyond 64 bits, NUL characters, lone surrogates,
    times without a zone, nesting deeper than ``DEPTH_MAX``.
    """
    cls = type(message)
    try:
        for name in risky_fields(cls):
            value = getattr(message, name)
            _JUDGES.get(type(value), check)(value, name)
        data = _encode(message)
        return decoder(cls)(data), checked_json(data)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name_of(cls)}: {error.fact}", what=error.what, remedy=error.remedy) from None
    except (msgspec.ValidationError, UnicodeEncodeError, TypeError, OverflowError, RecursionError) as error:
        raise invalid(cls, error) from error


def invalid(cls: type, error: Exception) -> InvalidInputError:
    """What a decoder or encoder complained about, as an error that names message and field."""
    if isinstance(error, UnicodeEncodeError):
        return InvalidInputError(f"{name_of(cls)}: text holds a lone surrogate", remedy="Send well-formed Unicode.")
    found = re.search(r" - at `\$\.?([^`]*)`", str(error))
    what = found[1] if found else ""
    return InvalidInputError(f"{name_of(cls)}: {error}", what=what, remedy="Mend the field and send it again.")


def checked_json(data: bytes) -> bytes:
    r"""JSON without ``\u0000``, which PostgreSQL's text cannot hold. The plain search nearly always answers."""
    if rb"\u0000" in data and _NUL.search(data):
        raise InvalidInputError("text holds a NUL character", remedy="Remove it: no database text can hold it.")
    return data


def read_json(raw: str | bytes) -> dict[str, Any]:
    """An object from JSON that somebody typed, strictly: no double keys, NaN, over-large numbers or deep nesting."""
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        found = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except InvalidInputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"Not JSON: {error}", remedy="Send one JSON object, UTF-8.") from error
    if not isinstance(found, dict):
        raise InvalidInputError(f"Not a JSON object but {type(found).__name__}", remedy="Send an object of fields.")
    check(found, "")
    return found


def from_json(cls: type[T], raw: str | bytes) -> T:
    """A message from JSON that somebody typed; ``InvalidInputError`` names the field that is unknown, missing or wrong."""
    document = read_json(raw)
    try:
        message = decoder(cls)(_encode(document))
        _plain_numbers(document, message, "")
        return message
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise invalid(cls, error) from error


def is_plain_number(text: str) -> bool:
    """Whether a text is a number as JSON writes one, also where Python's own types would read more."""
    return _NUMBER.fullmatch(text) is not None


def _plain_numbers(document: object, value: object, path: str) -> None:
    """Python's Decimal also reads ``1_000`` and ``１２``; whoever typed those meant something else."""
    if isinstance(value, Decimal) and isinstance(document, str) and not is_plain_number(document):
        raise InvalidInputError(f"{path} is not a plain number: {document}", what=path, remedy="Write it as 1234.50.")
    if isinstance(value, msgspec.Struct) and isinstance(document, dict):
        for name in value.__struct_fields__:
            _plain_numbers(document.get(name), getattr(value, name), f"{path}.{name}".lstrip("."))
    elif isinstance(value, (list, tuple)) and isinstance(document, list):
        for index, (item, raw) in enumerate(zip(value, document, strict=False)):
            _plain_numbers(raw, item, f"{path}[{index}]")


def check(value: object, path: str, depth: int = 1) -> None:
    """Refuse what a database or JSON cannot hold, whatever the declared type says. ``path`` names the field."""
    if depth > DEPTH_MAX:
        raise InvalidInputError(f"{path[:80]} is nested deeper than {DEPTH_MAX}", what=path, remedy="Flatten it.")
    judge = _JUDGES.get(type(value))
    if judge is not None:
        judge(value, path)
    elif isinstance(value, msgspec.Struct):
        for name in risky_fields(type(value)):
            check(getattr(value, name), f"{path}.{name}", depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            check(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, item in enumerate(value):
            check(item, f"{path}[{index}]", depth + 1)


def risky_fields(cls: type) -> tuple[str, ...]:
    """The fields whose values need ``check``: all but those whose every value is safe once encoded and decoded."""
    if cls not in _risky:
        _risky[cls] = _find_risky_fields(cls)
    return _risky[cls]


def _find_risky_fields(cls: type) -> tuple[str, ...]:
    safe = {msgspec.inspect.StrType, msgspec.inspect.BoolType, msgspec.inspect.DateType, msgspec.inspect.UUIDType,
            msgspec.inspect.NoneType, msgspec.inspect.EnumType, msgspec.inspect.LiteralType}  # fmt: skip
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)

    def is_safe(kind: msgspec.inspect.Type) -> bool:
        if isinstance(kind, msgspec.inspect.UnionType):
            return all(is_safe(each) for each in kind.types)
        if isinstance(kind, msgspec.inspect.Metadata):
            return is_safe(kind.type)
        return type(kind) in safe

    return tuple(field.name for field in info.fields if not is_safe(field.type))


def _int(value: int, path: str) -> None:
    if not -INT_MAX - 1 <= value <= INT_MAX:
        raise InvalidInputError(f"{path} is beyond 64 bits", what=path, remedy="Send it as text or Decimal.")


def _float(value: float, path: str) -> None:
    if not math.isfinite(value):
        raise InvalidInputError(f"{path} is {value}", what=path, remedy="Send a finite number, or None.")


def _decimal(value: Decimal, path: str) -> None:
    if not value.is_finite():
        raise InvalidInputError(f"{path} is {value}", what=path, remedy="Send a finite number, or None.")
    if len(str(value)) < DIGITS_MAX and -DIGITS_MAX < value.adjusted() < DIGITS_MAX:
        return  # As short as nearly all are; to take it apart costs four times as much.
    _, digits, exponent = value.as_tuple()
    if not -DIGITS_MAX <= int(exponent) <= DIGITS_MAX or len(digits) > DIGITS_MAX:
        raise InvalidInputError(f"{path} has over {DIGITS_MAX} digits", what=path, remedy="Round it.")


def _datetime(value: datetime, path: str) -> None:
    if value.utcoffset() is None:
        raise InvalidInputError(
            f"{path} has no time zone (value: {value.isoformat()})", what=path, remedy="Use datetime(..., tzinfo=UTC)."
        )


def _safe(value: object, path: str) -> None:
    """Nothing to say against it."""


_JUDGES: dict[type, Callable[[Any, str], None]] = {
    int: _int, float: _float, Decimal: _decimal, datetime: _datetime, str: _safe, bool: _safe, type(None): _safe,
}  # fmt: skip


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        double = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise InvalidInputError(f"{double} stands twice in one object", what=double, remedy="Keep one of them.")
    return found


def _no_constant(name: str) -> None:
    raise InvalidInputError(f"{name} is not JSON", what=name, remedy="Send a finite number, or null.")
