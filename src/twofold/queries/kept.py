"""Answers that are kept for the next who asks the same, each for as long as no row that it is made of changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from twofold.messages import Query
from twofold.queries.copies import Copier
from twofold.subscriptions import Checkpoint

QueryKey: TypeAlias = tuple[type[Query[Any]], bytes]

# MessagePack tells apart what is equal but another value (1, 1.0 and true), keeps NaN, and takes fields without hashes.
_encode = msgspec.msgpack.Encoder().encode


def key_of(query: Query[Any]) -> QueryKey | None:
    """What two equal questions have in common; None for one that is not valid."""
    try:
        return type(query), _encode(query)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


class Answered(msgspec.Struct, eq=False):
    """An answer and what it is made of.

    It includes everything up to ``position``, and is what ``tables`` said at the moment ``count`` (``TableChanges``)
    or later. ``checkpoints`` are those of their subscriptions as they were before the rows were read.
    """

    value: Any
    position: int
    count: int
    tables: frozenset[str]
    checkpoints: Mapping[str, Checkpoint | None]
    copier: Copier
    used: bool = False

    def copy(self) -> Any:
        """The answer for one caller, who may change it."""
        return self.copier(self.value)


class KeptAnswers:
    """At most ``count_max`` answers. Of those not used lately, the oldest goes first."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._kept: dict[QueryKey, Answered] = {}
        self.get = self._kept.get

    def keep(self, key: QueryKey, answered: Answered) -> None:
        self._kept.pop(key, None)
        while len(self._kept) >= self._count_max > 0:
            self._make_room()
        if self._count_max:
            self._kept[key] = answered

    def _make_room(self) -> None:
        """The oldest goes; one that was used gets a second round instead, at the end."""
        oldest = next(iter(self._kept))
        answered = self._kept.pop(oldest)
        if answered.used:
            answered.used = False
            self._kept[oldest] = answered
