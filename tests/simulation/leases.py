"""Leases in a simulated database of read models, on its clock, and the door to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from tests.simulation.network import Line
from tests.simulation.reads import SharedReads
from twofold.subscriptions import Board, Lease, Report, Verb, Wish


class SharedLeases:
    """Who runs what: each method is one transaction."""

    def __init__(self, reads: SharedReads, now: Callable[[], float]) -> None:
        self._reads, self._now = reads, now

    def sign(self, worker: str, knows: Collection[str], reports: Sequence[Report], seconds: float) -> Board:
        kept, ends = self._reads.kept, self._now() + seconds
        kept.workers[worker], kept.ends[worker] = sorted(knows), ends
        told = {report.name: report for report in reports}
        for name, lease in kept.leases.items():
            if lease.worker == worker:
                kept.leases[name] = _reported(msgspec.structs.replace(lease, left_seconds=ends), told.get(name))
        return self.board()

    def take(self, worker: str, names: Collection[str], seconds: float, fence: bool) -> frozenset[str]:
        kept, now = self._reads.kept, self._now()
        taken = [name for name in sorted(names) if self.is_free(kept.leases.get(name), worker, now)]
        for name in taken:
            kept.leases[name] = Lease(name, worker, now + seconds, "catching up")
        if fence:
            self._reads.fence(taken)
        return frozenset(taken)

    def is_free(self, lease: Lease | None, worker: str, now: float) -> bool:
        return lease is None or lease.worker == worker or lease.left_seconds <= now

    def give_back(self, worker: str, names: Collection[str]) -> None:
        leases = self._reads.kept.leases
        for name in [name for name, lease in leases.items() if lease.worker == worker and name in names]:
            del leases[name]

    def sign_out(self, worker: str) -> None:
        self.give_back(worker, list(self._reads.kept.leases))
        self._reads.kept.workers.pop(worker, None)

    def board(self) -> Board:
        """What is kept holds the moment at which a lease ends; what is told, how long that is from now."""
        kept, now = self._reads.kept, self._now()
        leases = {
            name: msgspec.structs.replace(lease, left_seconds=lease.left_seconds - now)
            for name, lease in kept.leases.items()
        }
        workers = {worker: knows for worker, knows in kept.workers.items() if kept.ends[worker] > now}
        return Board(leases, workers, list(kept.wishes.values()))

    def wish(self, wish: Wish) -> None:
        self._reads.kept.wishes[wish.name, wish.verb] = wish

    def unwish(self, name: str, verbs: Collection[Verb]) -> None:
        for verb in verbs:
            self._reads.kept.wishes.pop((name, verb), None)

    def fence(self, names: Collection[str]) -> None:
        self._reads.fence(names)


class LeaseDoor:
    """``Leases`` at the other end of a line."""

    def __init__(self, leases: SharedLeases, line: Line) -> None:
        self._leases, self._line = leases, line

    async def sign(self, worker: str, knows: Collection[str], reports: Sequence[Report], *, seconds: float) -> Board:
        return await self._line.call("sign", lambda: self._leases.sign(worker, knows, reports, seconds))

    async def take(self, worker: str, names: Collection[str], *, seconds: float, fence: bool = True) -> frozenset[str]:
        said = f"take {', '.join(sorted(names))}"
        return await self._line.call(said, lambda: self._leases.take(worker, names, seconds, fence))

    async def give_back(self, worker: str, names: Collection[str]) -> None:
        said = f"give back {', '.join(sorted(names))}"
        await self._line.call(said, lambda: self._leases.give_back(worker, names))

    async def sign_out(self, worker: str) -> None:
        await self._line.call("sign out", lambda: self._leases.sign_out(worker))

    async def board(self) -> Board:
        return await self._line.call("board", self._leases.board)

    async def wish(self, wish: Wish) -> None:
        await self._line.call(f"wish {wish.verb} {wish.name}", lambda: self._leases.wish(wish))

    async def unwish(self, name: str, verbs: Collection[Verb]) -> None:
        await self._line.call(f"unwish {', '.join(verbs)} {name}", lambda: self._leases.unwish(name, verbs))

    async def fence(self, names: Collection[str]) -> None:
        await self._line.call("fence", lambda: self._leases.fence(names))


def _reported(lease: Lease, report: Report | None) -> Lease:
    if report is None:
        return lease
    return msgspec.structs.replace(lease, state=report.state, rate=report.rate, error=report.error)
