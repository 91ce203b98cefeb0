"""A subscriber that writes down what it gets, and fails when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from twofold.errors import FoldError, StoreError, StoreRefusedError
from twofold.messages import Event, Registry
from twofold.subscriptions import Advanced, Checkpoint, Delivery, Engine, Fenced, Note, Outcome, Stopped
from twofold.testing.memory import MemoryLog


class Rang(Event):
    number: int


class Hummed(Event):
    number: int


class Tripped(Event):
    number: int


REGISTRY = Registry(events=(Rang, Hummed, Tripped))
RANG = frozenset(("Rang",))
BOTH = frozenset(("Rang", "Hummed"))
EVERYTHING = frozenset(("Rang", "Hummed", "Tripped"))


class Notebook:
    """Keeps positions by subscription. Checkpoints move by compare-and-set, as in a database."""

    def __init__(self, **interests: frozenset[str]) -> None:
        self._interests = interests
        self.kept: dict[str, Checkpoint] = {}
        self.seen: dict[str, list[int]] = {name: [] for name in interests}
        self.pages: list[list[str]] = []
        self.failures: list[Exception] = []
        self.noted: dict[str, Note] = {}
        self.looks_fail: list[Exception] = []
        self.notes_fail: list[Exception] = []
        self.stops_at: dict[str, int] = {}
        self.refuses_pages_with: int | None = None
        self.refuses_pages_over = 10**9
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()

    @property
    def interests(self) -> Mapping[str, frozenset[str]]:
        return self._interests

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        if self.looks_fail:
            raise self.looks_fail.pop(0)
        return {name: self.kept[name] for name in names if name in self.kept}

    async def resume(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        return await self.checkpoints(names)

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        self.entered.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.pages.append([delivery.name for delivery in deliveries])
        return [self._take(delivery) for delivery in deliveries]

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        return {name: self.noted[name] for name in names if name in self.noted}

    async def note(self, name: str, note: Note | None) -> None:
        if self.notes_fail:
            raise self.notes_fail.pop(0)
        self.noted.pop(name, None)
        if note is not None:
            self.noted[name] = note

    async def parked(self, names: Collection[str]) -> Mapping[str, int]:
        return {}

    def _take(self, delivery: Delivery) -> Outcome:
        name = delivery.name
        if self.kept.get(name, delivery.start).position != delivery.start.position:
            return Fenced()
        positions = [event.position for event in delivery.events]
        if self.refuses_pages_with in positions or len(positions) > self.refuses_pages_over:
            refused = StoreRefusedError("refused", reason="value", remedy="mend it")
            return Stopped(delivery.start, refused, anywhere=True)
        poison = next((e for e in delivery.events if e.position == self.stops_at.get(name)), None)
        if poison is not None:
            before = [event for event in delivery.events if event.position < poison.position]
            self._keep(name, before, delivery.start.moved(poison.position - 1, before))
            error = FoldError(name, event_type=poison.type, position=poison.position, key=None, reason="poison")
            return Stopped(self.kept[name], error)
        self._keep(name, delivery.events, delivery.end)
        return Advanced()

    def kept_position(self, name: str) -> int:
        """Where a subscription stands; one that never moved is at 0."""
        return self.kept[name].position if name in self.kept else 0

    def _keep(self, name: str, events: Sequence[object], checkpoint: Checkpoint) -> None:
        self.seen[name] += [getattr(event, "position") for event in events]  # noqa: B009 - tests read only that
        self.kept[name] = checkpoint


def engine(log: MemoryLog, notebook: Notebook, *, page_max: int = 2000) -> Engine:
    """An engine that rests for no time at all before it tries again."""
    return Engine(log, REGISTRY, notebook, page_max=page_max, backoff=lambda failures: 0.0)


AWAY = StoreError("the database is away")
