"""``@partitioned``: a heavy read model in partitions of its key, so that several workers can fold it at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeAlias, TypeVar

from twofold.errors import DefinitionError
from twofold.projections.keys import stream_key
from twofold.projections.model import ReadModel
from twofold.projections.parking import key_text
from twofold.projections.projection import Projection
from twofold.projections.table import Key

C = TypeVar("C", bound=type[ReadModel])

PARTITIONS = "__twofold_partitions__"

PARTITIONS_MAX = 64
"""Each has a checkpoint of its own, which moves with every page of the log."""

KEYS_MAX = 100_000
"""Keys whose partition is remembered: far more than a page has, and the memory of some megabytes."""

Owns: TypeAlias = Callable[[Key], bool]
"""Whether a row is among those to be folded."""


def partitioned(count: int) -> Callable[[C], C]:
    """Split a read model into so many partitions of its key. Each is a subscription of its own.

    Its rows come out the same; the number may be another one at any deployment. Raises ``DefinitionError`` for a number
    that is not between 1 and 64.
    """

    def mark(cls: C) -> C:
        if not 1 <= count <= PARTITIONS_MAX:
            raise DefinitionError(
                f"{cls.__name__} cannot have {count} partitions",
                cls,
                remedy=f"Take a number from 1 to {PARTITIONS_MAX}: about as many as workers may run.",
            )
        setattr(cls, PARTITIONS, count)
        return cls

    return mark


def is_splittable(projections: Sequence[Projection], *, together: bool, strong: bool) -> bool:
    """Whether some keys of read models that share a checkpoint can be folded without the others."""
    return not any(_refusal(each, together=together, strong=strong) for each in projections)


def partitions_of(projections: Sequence[Projection], *, together: bool, strong: bool) -> int:
    """How many partitions read models that share a checkpoint have.

    Raises ``DefinitionError`` where rows depend on each other, so that no part of them can be folded alone.
    """
    for each in projections:
        count: int = vars(each.cls).get(PARTITIONS, 1)
        if count > 1 and (why := _refusal(each, together=together, strong=strong)):
            raise DefinitionError(
                f"{each.cls.__name__} cannot be partitioned: {why}", each.cls, remedy="Leave out @partitioned."
            )
    return 1 if together else max(vars(each.cls).get(PARTITIONS, 1) for each in projections)


def is_filled_by_stream(projections: Sequence[Projection], *, strong: bool) -> bool:
    """Whether each row is made of the streams of its key alone, so that what is in other streams need not be read for it."""
    steps = [step for each in projections for step in each.steps.values()]
    moves = any(each.moves for each in projections)
    return not strong and not moves and all(step.key is stream_key and not step.lookups for step in steps)


def _refusal(projection: Projection, *, together: bool, strong: bool) -> str:
    if strong:
        return "it is strong, and each append moves it as a whole"
    if together:
        return "it shares a checkpoint with others"
    if projection.looks_up:
        return "it looks up rows"
    return "its rows move to other keys" if projection.moves else ""


class Places(dict[Key, int]):
    """The partition of each key, from 0: by a hash of the key that is the same in every process and every version.

    It is worked out once for all partitions of a read model, and remembered for at most ``keys_max`` keys. ``TypeError``
    for a key that does not fit its columns, so that every partition stops at it.
    """

    def __init__(self, projection: Projection, count: int, *, keys_max: int = KEYS_MAX) -> None:
        super().__init__()
        self._misfit, self._count, self._keys_max = projection.misfit, count, keys_max

    def __missing__(self, key: Key) -> int:
        if reason := self._misfit(key):
            raise TypeError(reason)
        if len(self) >= self._keys_max:
            self.clear()
        self[key] = place = place_of(key, self._count)
        return place

    def owner(self, place: int) -> Owns:
        """Whether keys belong to one partition."""
        return lambda key: self[key] == place


def place_of(key: Key, count: int) -> int:
    """The partition of a key, from 0."""
    digest = hashlib.blake2b(key_text(_one_of_equals(key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) % count


def _one_of_equals(key: Key) -> Key:
    """Equal keys are one row, and may be written differently."""
    if isinstance(key, tuple):
        return tuple(map(_one_of_equals, key))
    if isinstance(key, Decimal):
        digits = format(key if key else abs(key), "f")
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return key.astimezone(UTC) if isinstance(key, datetime) else key
