"""Cursors: where a page ended, as opaque text that is signed and good for one question only."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from twofold.errors import InvalidInputError, QueryError
from twofold.projections.port import AskedStore

_SIGNATURE_BYTES = 16
_MICROSECOND = timedelta(microseconds=1)

_WRITERS: dict[type, tuple[str, Callable[[Any], str | int]]] = {
    Decimal: ("decimal", str),
    date: ("date", date.isoformat),
    datetime: ("datetime", datetime.isoformat),
    timedelta: ("timedelta", lambda value: int(value / _MICROSECOND)),
    UUID: ("uuid", str),
}
_READERS: Mapping[str, Callable[[Any], object]] = {
    "decimal": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "timedelta": lambda value: timedelta(microseconds=value),
    "uuid": UUID,
}


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The values of a row in the columns of the order, and whether its page is what follows that row or precedes it."""

    values: tuple[Any, ...]
    backwards: bool = False


class Cursors:
    """Signs cursors and reads them back, with the secret of the read database, which is asked for once."""

    def __init__(self, reads: AskedStore) -> None:
        self._reads = reads
        self._secret = b""

    async def text(self, cursor: Cursor, question: bytes) -> str:
        """The cursor as text that only ``question`` (whatever tells one from another) will take."""
        payload = msgspec.json.encode((list(map(_written, cursor.values)), cursor.backwards))
        return base64.urlsafe_b64encode(await self._signature(payload, question) + payload).decode().rstrip("=")

    async def read(self, text: str, question: bytes) -> Cursor:
        """The cursor behind the text; ``InvalidInputError`` for any that was not made for this question here."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise _refused(text) from None
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, await self._signature(payload, question)):
            raise _refused(text)
        values, backwards = msgspec.json.decode(payload)
        return Cursor(tuple(map(_read, values)), backwards)

    async def _signature(self, payload: bytes, question: bytes) -> bytes:
        if not self._secret:
            self._secret = await self._reads.secret()
        signed = hashlib.sha256(question).digest() + payload
        return hmac.digest(self._secret, signed, "sha256")[:_SIGNATURE_BYTES]


def _refused(text: str) -> InvalidInputError:
    return InvalidInputError(
        f"Not a cursor of this question: {text[:40]!r}",
        what="cursor",
        remedy="Pass next or previous of a page of the same question unchanged, or begin without a cursor.",
    )


def _written(value: object) -> object:
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if type(value) not in _WRITERS:
        raise QueryError(f"There is no order over {type(value).__name__}", remedy="Order by other columns.")
    name, write = _WRITERS[type(value)]
    return {name: write(value)}


def _read(value: Any) -> object:
    if isinstance(value, dict):
        [(name, text)] = value.items()
        return _READERS[name](text)
    return value
