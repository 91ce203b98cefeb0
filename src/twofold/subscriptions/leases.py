"""The port of leases: who runs which subscription, what operators wish, and what each worker says of what it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from twofold.subscriptions.partition import whole
from twofold.subscriptions.status import State

Verb: TypeAlias = Literal["pause", "rebuild", "build"]
"""What an operator may wish of a subscription: that nobody follows it, or that a worker builds it anew (``build``: it is to
wait beside until somebody switches)."""

LONGER_MAX = 10
"""How many times longer than one's own the leases of others may be: what lasts longer was taken before the clock was set back.
A deployment may change the length, so that workers with different ones live beside each other for a while."""


class Report(msgspec.Struct, frozen=True):
    """What a worker says of a subscription that it runs: its state, events per second, and what is in the way."""

    name: str
    state: State
    rate: float = 0.0
    error: str | None = None


class Lease(msgspec.Struct, frozen=True):
    """Who runs a subscription, as it was said last. It ends in ``left_seconds`` by the database's clock, unless renewed."""

    name: str
    worker: str
    left_seconds: float
    state: State
    rate: float = 0.0
    error: str | None = None

    @property
    def is_held(self) -> bool:
        return self.left_seconds > 0


class Wish(msgspec.Struct, frozen=True):
    """What an operator wants done. ``code`` is the fingerprint of the code that is to do it, where that matters."""

    name: str
    verb: Verb
    code: str = ""


class Board(msgspec.Struct, frozen=True):
    """Everything at one moment: leases by subscription, what each living worker can run, and wishes."""

    leases: Mapping[str, Lease] = {}
    workers: Mapping[str, Sequence[str]] = {}
    wishes: Collection[Wish] = ()

    def holder(self, name: str) -> str | None:
        """Who runs a subscription, or a partition, now."""
        lease = self.leases.get(name)
        return lease.worker if lease is not None and lease.is_held else None

    def holders(self, subscription: str) -> list[str]:
        """Who runs it, or one of its partitions, now."""
        held = [each.worker for name, each in self.leases.items() if each.is_held and whole(name) == subscription]
        return sorted(set(held))

    def is_paused(self, name: str) -> bool:
        """Whether nobody is to follow a subscription, or that of a partition."""
        return whole(name) in self.paused

    def held_by(self, worker: str) -> set[str]:
        """What this worker runs now."""
        return {name for name, lease in self.leases.items() if lease.worker == worker and lease.is_held}

    @property
    def paused(self) -> frozenset[str]:
        """The subscriptions that nobody is to follow."""
        return frozenset(wish.name for wish in self.wishes if wish.verb == "pause")


class Leases(Protocol):
    """Where workers find each other. Leases end by the database's clock, and decide nothing but who works.

    What keeps a late worker from doing harm is the checkpoint's epoch: it rises with each lease that is taken, so that
    whoever held it before no longer matches (compare-and-set). Errors: ``StoreError`` when nothing was changed.
    """

    async def sign(self, worker: str, knows: Collection[str], reports: Sequence[Report], *, seconds: float) -> Board:
        """Say that a worker lives and what it can run, renew all that it holds, keep its reports; the board after that."""
        ...

    async def take(self, worker: str, names: Collection[str], *, seconds: float, fence: bool = True) -> frozenset[str]:
        """Take those that nobody holds; which these were. In the same transaction each one's epoch rises."""
        ...

    async def give_back(self, worker: str, names: Collection[str]) -> None:
        """End the leases of this worker on these."""
        ...

    async def sign_out(self, worker: str) -> None:
        """End all leases of a worker, and forget it."""
        ...

    async def board(self) -> Board:
        """Everything as it is now."""
        ...

    async def wish(self, wish: Wish) -> None:
        """Keep a wish, in place of one of the same name and verb."""
        ...

    async def unwish(self, name: str, verbs: Collection[Verb]) -> None:
        """Forget what was wished: it is done, or no longer wanted."""
        ...

    async def fence(self, names: Collection[str]) -> None:
        """Raise the epoch of these: whoever runs them still, unknown to anybody, can keep nothing from now on."""
        ...
