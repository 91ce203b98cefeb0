"""Leases in plain dicts, for workers over a read store in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, MutableMapping, Sequence

import msgspec

from twofold.subscriptions import Board, Checkpoint, Lease, Report, Verb, Wish
from twofold.subscriptions.partition import whole
from twofold.subscriptions.status import State


class _Held(msgspec.Struct):
    worker: str
    ends_at: float
    state: State = "catching up"
    rate: float = 0.0
    error: str | None = None


class MemoryLeases:
    """``Leases`` beside these checkpoints, whose epochs they raise. ``now`` is their clock, in seconds."""

    def __init__(
        self, checkpoints: MutableMapping[str, Checkpoint], *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._checkpoints, self._now = checkpoints, now
        self._held: dict[str, _Held] = {}
        self._workers: dict[str, tuple[tuple[str, ...], float]] = {}
        self._wishes: dict[tuple[str, Verb], Wish] = {}

    async def sign(self, worker: str, knows: Collection[str], reports: Sequence[Report], *, seconds: float) -> Board:
        self._workers[worker] = tuple(sorted(knows)), self._now() + seconds
        for held in self._held.values():
            if held.worker == worker:
                held.ends_at = self._now() + seconds
        for report in reports:
            found = self._held.get(report.name)
            if found is not None and found.worker == worker:
                found.state, found.rate, found.error = report.state, report.rate, report.error
        return await self.board()

    async def take(self, worker: str, names: Collection[str], *, seconds: float, fence: bool = True) -> frozenset[str]:
        now = self._now()
        taken = frozenset(
            name
            for name in names
            if (held := self._held.get(name)) is None or held.worker == worker or held.ends_at <= now
        )
        self._held |= {name: _Held(worker, now + seconds) for name in taken}
        if fence:
            await self.fence(taken)
        return taken

    async def give_back(self, worker: str, names: Collection[str]) -> None:
        for name in names:
            if name in self._held and self._held[name].worker == worker:
                del self._held[name]

    async def sign_out(self, worker: str) -> None:
        await self.give_back(worker, list(self._held))
        self._workers.pop(worker, None)

    async def board(self) -> Board:
        now = self._now()
        return Board(
            {
                name: Lease(name, held.worker, held.ends_at - now, held.state, held.rate, held.error)
                for name, held in self._held.items()
            },
            {worker: knows for worker, (knows, ends_at) in self._workers.items() if ends_at > now},
            list(self._wishes.values()),
        )

    async def wish(self, wish: Wish) -> None:
        self._wishes[wish.name, wish.verb] = wish

    async def unwish(self, name: str, verbs: Collection[Verb]) -> None:
        for verb in verbs:
            self._wishes.pop((name, verb), None)

    async def fence(self, names: Collection[str]) -> None:
        for name, at in list(self._checkpoints.items()):
            if name in names or whole(name) in names:
                self._checkpoints[name] = msgspec.structs.replace(at, epoch=at.epoch + 1)
