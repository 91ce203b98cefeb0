"""Bugs in workers: what is given up, and what is taken over."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tests.simulation.clocks import WallClock
from tests.simulation.leases import LeaseDoor, SharedLeases
from tests.simulation.loop import HOST
from tests.simulation.mutants.registry import Wrong, mutant
from twofold.errors import TwofoldError
from twofold.subscriptions.member import Member


@mutant
def leases_never_end() -> Wrong:
    """What a worker held that has crashed is taken over by nobody."""
    return SharedLeases, "is_free", lambda self, lease, worker, now: lease is None or lease.worker == worker


@mutant
def leases_end_by_the_clock_of_whoever_looks() -> list[Wrong]:
    """Whether a lease is over is said by the machine that wants it, not by the database."""
    right, board = LeaseDoor.take, LeaseDoor.sign

    def by_its_own(self: LeaseDoor) -> SharedLeases:
        clock: WallClock | None = getattr(HOST.get(), "clock", None)
        return SharedLeases(self._leases._reads, clock) if clock is not None else self._leases

    async def take(self: LeaseDoor, worker: str, names: Collection[str], **given: Any) -> frozenset[str]:
        return await right(LeaseDoor(by_its_own(self), self._line), worker, names, **given)

    async def sign(self: LeaseDoor, worker: str, knows: Collection[str], reports: Any, **given: Any) -> Any:
        return await board(LeaseDoor(by_its_own(self), self._line), worker, knows, reports, **given)

    return [(LeaseDoor, "take", take), (LeaseDoor, "sign", sign)]


@mutant
def whoever_stops_is_never_gone() -> Wrong:
    """A worker waits for ever for a subscription that stops while it is given up."""

    def stop(self: Member, error: TwofoldError, *, void: bool = False) -> None:
        self.stopped, self._void, self.error = True, void, error
        self._wake(None)

    return Member, "stop", stop
