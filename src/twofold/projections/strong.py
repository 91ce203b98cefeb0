"""``@strong``: read models whose rows are written in the transaction of the append itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from twofold.errors import DefinitionError
from twofold.projections.model import ReadModel
from twofold.projections.projection import Projection

C = TypeVar("C", bound=type[ReadModel])

STRONG = "__twofold_strong__"

LOG_TABLES = frozenset(
    ("events", "events_readable", "event_tags", "head", "migrations", "receipts", "snapshots", "store")
)
"""Names that the log has taken in one database or the other: strong read models live beside its tables."""


def strong(cls: C) -> C:
    """Write the rows of a read model in the transaction of every append, so that they are never behind.

    A fold that raises refuses the append: ``app.send`` raises its ``FoldError``.
    """
    setattr(cls, STRONG, True)
    return cls


def is_strong(projections: Collection[Projection]) -> bool:
    """Whether read models that share a checkpoint are strong.

    Raises ``DefinitionError`` where some are and others not, and for a name that the log uses itself.
    """
    found = [each for each in projections if getattr(each.cls, STRONG, False)]
    if found and len(found) < len(projections):
        weak = next(each for each in projections if each not in found)
        raise DefinitionError(
            f"{found[0].cls.__name__} is strong, and {weak.cls.__name__}, with which it shares a checkpoint, is not",
            found[0].cls,
            weak.cls,
            remedy="Mark both with @strong, or neither.",
        )
    for each in found:
        if each.name in LOG_TABLES:
            raise DefinitionError(
                f"A strong read model cannot be called {each.name}: the log has a table of that name",
                each.cls,
                remedy="Give it another name: @stored_as.",
            )
    return bool(found)
