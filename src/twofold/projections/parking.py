"""Parked keys: an event that a fold cannot take stops its key, whose later events wait in order, and nobody else."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from twofold.errors import FoldError
from twofold.projections.table import Key, Table


class Parked(msgspec.Struct, frozen=True):
    """A key of a read model that takes no events any more, since the one at position ``since``, and why.

    ``key`` is JSON text. ``group`` is the same for what failed alike: read model, event type, error type and place.
    """

    read_model: str
    key: str
    since: int
    event_type: str
    error: str
    reason: str
    place: str
    group: str


class Letter(msgspec.Struct, frozen=True):
    """An event (by its position) that a parked key has not taken: a dead letter."""

    read_model: str
    key: str
    position: int


Since: TypeAlias = Mapping[Key, int]
"""The parked keys of a read model, each with the position from which on it takes nothing."""


class Parking(msgspec.Struct):
    """The keys that a fold parks: those that are ``new``, and others beside them as long as there ``has_room``."""

    has_room: Callable[[FoldError, Collection[Parked]], bool]
    new: list[Parked]

    def park(self, error: FoldError) -> bool:
        """Park the key that an error is about, if that can be."""
        if not self.has_room(error, self.new):
            return False
        parked = parked_by(error)
        about = parked.read_model, parked.key
        self.new = [each for each in self.new if (each.read_model, each.key) != about] + [parked]
        return True


def parked_by(error: FoldError) -> Parked:
    """The key that a fold's error is about, parked."""
    cause = error.__cause__
    name = type(cause).__name__ if cause is not None else "Unreadable"
    place = _place(cause)
    alike = "\n".join((error.read_model, error.event_type, name, place))
    return Parked(
        read_model=error.read_model,
        key=key_text(error.key),
        since=error.position,
        event_type=error.event_type,
        error=name,
        reason=_plain(error.reason),
        place=place,
        group=hashlib.blake2s(alike.encode(), digest_size=4).hexdigest(),
    )


def key_text(key: Key) -> str:
    """A key as JSON, the same for equal keys."""
    return msgspec.json.encode(key).decode()


def key_from(table: Table, text: str) -> Key:
    """The key behind its JSON. ``msgspec.ValidationError`` for a text that is none."""
    types = tuple(column.type for column in table.key_columns)
    type_: Any = types[0] if len(types) == 1 else tuple[types]  # type: ignore[valid-type]  # made from values
    return msgspec.json.decode(text, type=type_)


def _place(cause: BaseException | None) -> str:
    """File, function and line where it was raised: in the user's code, or as near to it as can be."""
    frames = traceback.extract_tb(cause.__traceback__) if cause is not None else []
    if not frames:
        return ""
    last = frames[-1]
    return f"{Path(last.filename).name}:{last.lineno} {last.name}"


def _plain(text: str) -> str:
    """Whatever a fold has raised: no database keeps NUL, or half of a character."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
