"""The consistency token: what a query carries to say "not from before this"."""

from __future__ import annotations

import base64
from typing import TypeVar

import msgspec

from twofold.errors import InvalidInputError


class Token(msgspec.Struct, frozen=True, array_like=True):
    """A position in one log. Outside it travels as opaque text, and another store refuses it."""

    store_id: str
    epoch: int
    position: int

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


T = TypeVar("T", bound=Token)


def parse_token(text: str) -> Token:
    """The token behind the text, or ``InvalidInputError``. One that says more is a token too."""
    return decoded(text, Token, remedy="Pass a receipt, or its token unchanged.")


def decoded(text: str, type: type[T], *, remedy: str) -> T:
    """The token of a type behind the text, or ``InvalidInputError``."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=type)
    except (ValueError, msgspec.DecodeError) as error:
        raise InvalidInputError(f"Not a token: {text[:40]!r}", what="after", remedy=remedy) from error
