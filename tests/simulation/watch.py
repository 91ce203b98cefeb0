"""Who is told of each commit of a simulated database: nobody, or an oracle."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from twofold.projections.generations import Generation, Switch
from twofold.projections.port import Advance, Arrangement, Unparking


class By(msgspec.Struct, frozen=True):
    """Who was at it: the name of his code, and the letters that he leaves out for good (read model, key, position)."""

    code: str = ""
    skipped: Collection[tuple[str, str, int]] = frozenset()


NOBODY = By()


class Watch:
    """Told after each commit."""

    def advanced(self, advances: Sequence[Advance], by: By) -> None:
        """Subscriptions, or generations beside them, have each made a step."""

    def arranged(self, arrangement: Arrangement) -> None:
        """What is filled was split into shares, or these were put together."""

    def let_go(self, unparking: Unparking, by: By) -> None:
        """A parked key takes events again."""

    def entered(self, generation: Generation) -> None:
        """A generation was begun, or noted as what serves."""

    def switched(self, change: Switch) -> None:
        """Two generations have exchanged their places."""

    def dropped(self, generation: Generation) -> None:
        """A generation was given up, or is kept no longer."""

    def appended(self, before: int, strong: Sequence[str], by: By) -> None:
        """The log has got events after position ``before``, by a process that has these strong read models."""
