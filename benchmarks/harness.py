"""How a claim is measured: its sides in turn, over and over, each in a room of its own; ratios are medians over the turns."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from statistics import median
from typing import Any, Literal, TypeAlias

from benchmarks.rooms import Backend, Room, Rooms

Measure: TypeAlias = Callable[[], Coroutine[Any, Any, float]]
"""One measurement: a value in the claim's unit. What it needs is there before, and nothing of that is timed."""

Side: TypeAlias = Callable[[Room], AbstractAsyncContextManager[Measure]]
"""One contender: given a room, it prepares itself, gives a ``Measure``, and tidies up."""

Sides: TypeAlias = AsyncGenerator[Measure]
"""What the generator behind a side is annotated with."""


@dataclass(frozen=True)
class Effort:
    """How long to measure: seconds for each open-ended measurement, turns, and a factor on sizes."""

    seconds: float
    turns: int
    quick: bool

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full


PEER_IS_INSTALLED = find_spec("eventsourcing") is not None

QUICK = Effort(seconds=0.15, turns=3, quick=True)
FULL = Effort(seconds=2.0, turns=7, quick=False)


@dataclass(frozen=True)
class Goal:
    """What was promised: the value itself, or its ratio to another side (``to``), at least or at most ``number``."""

    relation: Literal[">=", "<="]
    number: float
    to: str | None = None

    def met(self, found: float) -> bool:
        return found >= self.number if self.relation == ">=" else found <= self.number

    def __str__(self) -> str:
        sign = "≥" if self.relation == ">=" else "≤"
        return f"{sign} {self.number:g} × {self.to}" if self.to else f"{sign} {self.number:,g}"


@dataclass(frozen=True)
class Claim:
    """What is measured. ``sides`` holds ``product`` and, where they exist, ``limit``, ``peer`` and others by name.

    With ``afresh`` every turn begins in new rooms; otherwise the rooms are prepared once and measured repeatedly.
    ``turns_max`` is for what takes minutes; ``notes`` is asked at the end.
    """

    name: str
    unit: str
    sides: Mapping[str, Side]
    goals: Mapping[Backend, Sequence[Goal]]
    afresh: bool = True
    missing: Mapping[str, frozenset[Backend]] = field(default_factory=dict)
    turns_max: int = 100
    notes: Callable[[], str] = lambda: ""

    def sides_on(self, backend: Backend) -> Mapping[str, Side]:
        absent = {name for name, backends in self.missing.items() if backend in backends}
        absent |= set() if PEER_IS_INSTALLED else {"peer"}
        return {name: side for name, side in self.sides.items() if name not in absent}


@dataclass(frozen=True)
class Result:
    """All turns of one claim on one backend: the values of each side, turn by turn."""

    claim: Claim
    backend: Backend
    values: Mapping[str, Sequence[float]]
    notes: str

    def value(self, side: str = "product") -> float | None:
        return median(self.values[side]) if self.values.get(side) else None

    def ratio(self, side: str) -> float | None:
        """The median of the product's value over the side's, turn by turn: a slow minute slows both."""
        others = self.values.get(side)
        if not others:
            return None
        return median(ours / theirs for ours, theirs in zip(self.values["product"], others, strict=True))

    def judged(self) -> list[tuple[Goal, bool | None]]:
        """Each goal with the verdict; None where the side it compares with was not there."""
        goals = self.claim.goals.get(self.backend, ())
        found = [(goal, self.ratio(goal.to) if goal.to else self.value()) for goal in goals]
        return [(goal, None if value is None else goal.met(value)) for goal, value in found]


def measure(claim: Claim, rooms: Rooms, effort: Effort) -> Result:
    """Run every turn of a claim on one backend."""
    sides = claim.sides_on(rooms.backend)
    values: dict[str, list[float]] = {name: [] for name in sides}
    take = _turns_in_new_rooms if claim.afresh else _turns_in_the_same_rooms
    turns = min(effort.turns, claim.turns_max)
    for name, value in take(sides, rooms, turns):
        values[name].append(value)
        progress(f"{claim.name} {rooms.backend} {name} {len(values[name])}/{turns}: {value:,.5g} {claim.unit}")
    return Result(claim, rooms.backend, values, claim.notes())


def progress(line: str) -> None:
    """Say on stderr what goes on; on a terminal each line takes the place of the one before."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{line[:110]}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


def _turns_in_new_rooms(sides: Mapping[str, Side], rooms: Rooms, turns: int) -> Iterator[tuple[str, float]]:
    for _ in range(turns):
        for name, side in sides.items():
            with rooms.room() as room, staged(side, room) as once:
                yield name, once()


def _turns_in_the_same_rooms(sides: Mapping[str, Side], rooms: Rooms, turns: int) -> Iterator[tuple[str, float]]:
    with ExitStack() as stack:
        stages: dict[str, Callable[[], float]] = {}
        for name, side in sides.items():
            stages[name] = stack.enter_context(staged(side, stack.enter_context(rooms.room())))
        for once in stages.values():
            once()  # The first time is for caches, compiled decoders and prepared statements.
        for _ in range(turns):
            for name, once in stages.items():
                yield name, once()


@contextmanager
def staged(side: Side, room: Room) -> Generator[Callable[[], float]]:
    """A side, prepared on an event loop of its own; call what comes out to measure once."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        context = side(room)
        measure_once = runner.run(_entered(context))
        try:
            yield lambda: _without_foreign_garbage(runner, measure_once)
        finally:
            runner.run(_left(context))


async def _entered(context: AbstractAsyncContextManager[Measure]) -> Measure:
    return await context.__aenter__()


async def _left(context: AbstractAsyncContextManager[Measure]) -> None:
    await context.__aexit__(None, None, None)


def _without_foreign_garbage(runner: asyncio.Runner, measure_once: Measure) -> float:
    # What the harness and the other sides hold must not be walked by the collector on this side's time.
    gc.collect()
    gc.freeze()
    try:
        return runner.run(measure_once())
    finally:
        gc.unfreeze()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
