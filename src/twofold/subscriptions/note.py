"""Why a subscription stopped, as it is kept beside its checkpoint for whoever looks from another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from twofold.errors import TwofoldError


class Note(msgspec.Struct, frozen=True):
    """An error that stopped a subscription. It says nothing any more once the checkpoint has left ``position``.

    ``facts`` are the error's own (``TwofoldError.facts``) as a JSON document.
    """

    position: int
    code: str
    message: str
    facts: str

    @property
    def values(self) -> Mapping[str, Any]:
        """The facts as a document."""
        values: dict[str, Any] = msgspec.json.decode(self.facts)
        return values


def note_of(error: TwofoldError, position: int) -> Note:
    """The note of an error that stopped a subscription whose checkpoint stands at ``position``."""
    facts = msgspec.json.encode({name: _plain(value) for name, value in error.facts().items()})
    return Note(position, error.code, _plain_text(str(error)), facts.decode())


def _plain(value: object) -> object:
    """The value as JSON can hold it; keys of rows may be anything that a column keeps."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return _plain_text(str(value))


def _plain_text(text: str) -> str:
    """Whatever a fold has raised: no database keeps NUL, or half of a character."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
