"""``@keeps_rows``: new code that takes over the rows of other code as they are, because they would come out the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from twofold.errors import DefinitionError
from twofold.projections.group import Group
from twofold.projections.model import ReadModel

C = TypeVar("C", bound=type[ReadModel])

KEEPS = "__twofold_keeps_rows__"

_FINGERPRINT = re.compile("[0-9a-f]{16}")


def keeps_rows(*fingerprints: str) -> Callable[[C], C]:
    """Let a read model go on with the rows that code with one of these fingerprints has made, without a rebuild.

    ``twofold projections ls --json`` shows the fingerprint of what serves (``made_by``); read models that share a
    checkpoint have one together. A table whose columns cannot be amended in place is built anew all the same.
    Raises ``DefinitionError`` for what is no fingerprint.
    """

    def mark(cls: C) -> C:
        for each in fingerprints:
            if not _FINGERPRINT.fullmatch(each):
                raise DefinitionError(
                    f"@keeps_rows of {cls.__name__} has no fingerprint: {each!r}",
                    cls,
                    remedy="Take it from twofold projections ls --json: sixteen hex digits (made_by).",
                )
        setattr(cls, KEEPS, fingerprints)
        return cls

    return mark


def kept_by(group: Group) -> frozenset[str]:
    """The fingerprints of the code whose rows this group takes over as they are."""
    return frozenset(each for projection in group.projections for each in vars(projection.cls).get(KEEPS, ()))
