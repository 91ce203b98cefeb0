"""The port of whoever follows the log: what the engine asks of read models, and later of processes and relays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from twofold.errors import TwofoldError
from twofold.messages import Event, Recorded
from twofold.subscriptions.checkpoint import Checkpoint
from twofold.subscriptions.note import Note


class Delivery(msgspec.Struct, frozen=True):
    """A page for one subscription: the events of its types after ``start``, complete up to ``end``, in order."""

    name: str
    start: Checkpoint
    end: Checkpoint
    events: Sequence[Recorded[Event]]


class Advanced(msgspec.Struct, frozen=True):
    """All effects and the checkpoint ``end`` are kept."""


class Fenced(msgspec.Struct, frozen=True):
    """Nothing was kept: another worker has moved this subscription's checkpoint since."""


class Stopped(msgspec.Struct, frozen=True):
    """The subscription cannot go on: what came before is kept up to ``checkpoint``; ``error`` says why.

    ``anywhere`` says that nothing of the page is kept, and that any of its events may be the reason. ``here`` says that it
    is only this process that cannot go on: the others are not to be told that the subscription has stopped.
    """

    checkpoint: Checkpoint
    error: TwofoldError
    anywhere: bool = False
    here: bool = False


Outcome: TypeAlias = Advanced | Fenced | Stopped


class Checkpoints(Protocol):
    """Where one can see how far subscriptions have come."""

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        """Where these subscriptions stand now; those that never moved are not in it.

        One that is partitioned is in it with all its partitions, each under its own name, instead.
        """
        ...


class Subscriber(Checkpoints, Protocol):
    """Where events go. Errors: ``StoreError`` when nothing of a call was kept and it may be made again."""

    @property
    def interests(self) -> Mapping[str, frozenset[str]]:
        """The subscriptions (or partitions of one) by name, each with the names of the event types that it wants.

        They may be others after each call of ``checkpoints`` and ``resume``.
        """
        ...

    async def resume(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        """Like ``checkpoints``, for whoever delivers from there: of what they have made before, nothing is remembered.

        Not to be called while a delivery to one of them is under way.
        """
        ...

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Take effect of each delivery and move its checkpoint, together or not at all; an outcome each, in order."""
        ...

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        """What stopped these subscriptions; those without a note are not in it."""
        ...

    async def note(self, name: str, note: Note | None) -> None:
        """Keep why a subscription stopped, in place of what is kept; None: it goes on."""
        ...

    async def parked(self, names: Collection[str]) -> Mapping[str, int]:
        """How many keys of these subscriptions take no events any more; those without any are not in it."""
        ...
