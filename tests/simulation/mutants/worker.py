"""Bugs in workers: what is given up, and what is taken over."""

from __future__ import annotations

from tests.simulation.leases import SharedLeases
from tests.simulation.mutants.registry import Wrong, mutant
from twofold.errors import TwofoldError
from twofold.subscriptions.member import Member


@mutant
def leases_never_end() -> Wrong:
    """What a worker held that has crashed is taken over by nobody."""
    return SharedLeases, "is_free", lambda self, lease, worker, now: lease is None or lease.worker == worker


@mutant
def whoever_stops_is_never_gone() -> Wrong:
    """A worker waits for ever for a subscription that stops while it is given up."""

    def stop(self: Member, error: TwofoldError, *, void: bool = False) -> None:
        self.stopped, self._void, self.error = True, void, error
        self._wake(None)

    return Member, "stop", stop
