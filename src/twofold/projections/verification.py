"""What comes of verifying a read model: exact differences by key, and what could not be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from twofold.errors import FoldError
from twofold.projections.table import Key

TOLD_MAX = 1000
"""Differences that are told one by one; more are only counted."""


class Difference(msgspec.Struct, frozen=True):
    """A row that is not what the log makes of its key: it has other columns (each as kept and as folded), is missing, or
    is too many. ``table`` is where it is, of those that a SQL projection has made."""

    key: Key
    kind: Literal["different", "missing", "too many"]
    columns: Mapping[str, tuple[Any, Any]] = {}
    table: str = ""


class Unsure(msgspec.Struct, frozen=True):
    """A key whose events fold to other rows each time: the fold uses a clock, randomness or the like."""

    key: Key
    columns: Sequence[str] = ()
    table: str = ""


class Verification(msgspec.Struct, frozen=True):
    """What came of comparing rows of a read model with the log, up to ``position``.

    Of the ``keys`` that were compared ``different`` had another row than the log makes of them; ``differences`` tells the
    first of these, and ``healed`` were mended. ``unsure`` keys, and ``failing`` ones (an event cannot be folded, and the
    key is not parked), are not compared. Neither are ``parked`` keys: they wait.
    """

    read_model: str
    position: int = 0
    keys: int = 0
    different: int = 0
    healed: int = 0
    parked: int = 0
    differences: Sequence[Difference] = ()
    unsure: Sequence[Unsure] = ()
    failing: Sequence[FoldError] = ()

    @property
    def is_right(self) -> bool:
        """Whether every key has the right row now, or is parked."""
        return self.different == self.healed and not self.unsure and not self.failing

    def joined(self, other: Verification) -> Verification:
        """Two parts of a verification as one."""
        return Verification(
            self.read_model,
            max(self.position, other.position),
            self.keys + other.keys,
            self.different + other.different,
            self.healed + other.healed,
            self.parked + other.parked,
            [*self.differences, *other.differences][:TOLD_MAX],
            [*self.unsure, *other.unsure][:TOLD_MAX],
            [*self.failing, *other.failing][:TOLD_MAX],
        )
