"""rebuild.live: what commands, live folds and questions notice while the co-op's family view is built anew beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from time import perf_counter
from typing import Any

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.quantiles import quantile
from benchmarks.rooms import Room
from twofold import App, Command
from twofold.examples.coop.commands import LogVolunteerHours
from twofold.examples.coop.questions import GetFamily
from twofold.examples.coop.read_models import FamilyView

COMMANDS, QUESTIONS = 500, 250
"""A second. Each comes when it is due, whether or not the ones before have been answered."""

FAMILIES = 200
"""Those that are written to and asked for, so that each one's state is in memory after the first turn."""

AROUND_SECONDS = 0.5
"""Before and after the switch: where a pause that it makes would be."""

READ_MODEL = "family_view"


@dataclass
class Noticed:
    """Of one stretch of load: each command's lag from its acknowledgement and each question's wait from when it was due,
    in ms, and when each of them was done."""

    lags: list[float]
    waits: list[float]
    rows_at: list[float]
    answers_at: list[float]
    seconds: float = 0.0
    switched_at: float = 0.0

    def pause(self) -> float:
        """The longest time around the switch, in ms, in which no question was answered or no row followed its command."""
        return max(_gap(self._around(self.rows_at)), _gap(self._around(self.answers_at))) * 1e3

    def _around(self, times: Sequence[float]) -> list[float]:
        return [each for each in sorted(times) if abs(each - self.switched_at) < AROUND_SECONDS]


def claims(effort: Effort) -> list[Claim]:
    events = effort.size(full=1_000_000, quick=20_000)
    families, seen = events // 100, list[Noticed]()

    def p99(of: Callable[[Noticed], Sequence[float]]) -> Callable[[Noticed], float]:
        return lambda noticed: quantile(of(noticed), 0.99)

    def claim(name: str, value: Callable[[Noticed], float], goal: Goal, **sides: Side) -> Claim:
        ours = while_building(events, families, value, seen)
        return Claim(
            name=f"rebuild.live.{name}",
            unit="ms",
            sides={"product": ours, **sides},
            goals={"postgres": [goal], "sqlite": [goal]},
            afresh=False,
            turns_max=3,
            notes=lambda: (
                f"{COMMANDS} commands/s and {QUESTIONS} questions/s in the process that builds from {events:,} events; it took "
                f"{min(each.seconds for each in seen):.3g} to {max(each.seconds for each in seen):.3g} s"
            ),
        )

    waits = p99(lambda noticed: noticed.waits)
    alone = undisturbed(events, families, effort.seconds * 3, waits)
    return [
        claim("lag", p99(lambda noticed: noticed.lags), Goal("<=", 100)),
        claim("queries", waits, Goal("<=", 2, to="undisturbed"), undisturbed=alone),
        claim("pause", Noticed.pause, Goal("<=", 100)),
    ]


def while_building(events: int, families: int, value: Callable[[Noticed], float], seen: list[Noticed]) -> Side:
    """The load from half a second before the rebuild begins until half a second after it serves."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with loaded(room, events, families) as app:

            async def measure() -> float:
                load = Load(app)
                running = asyncio.create_task(load.run())
                await asyncio.sleep(AROUND_SECONDS)
                began = perf_counter()
                await app.rebuild(FamilyView)
                load.noticed.switched_at = perf_counter()
                load.noticed.seconds = load.noticed.switched_at - began
                await asyncio.sleep(AROUND_SECONDS)
                load.stop()
                await running
                seen.append(load.noticed)
                return value(load.noticed)

            yield measure

    return side


def undisturbed(events: int, families: int, seconds: float, value: Callable[[Noticed], float]) -> Side:
    """The same load, and nothing is built."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with loaded(room, events, families) as app:

            async def measure() -> float:
                load = Load(app)
                running = asyncio.create_task(load.run())
                await asyncio.sleep(seconds)
                load.stop()
                await running
                return value(load.noticed)

            yield measure

    return side


@asynccontextmanager
async def loaded(room: Room, events: int, families: int) -> AsyncGenerator[App]:
    """An app that follows a log whose rows are all there."""
    async with coop.app(room, background=False) as app:
        await coop.fill(app, families=families, events=events)
        await app.rebuild(FamilyView)  # The fastest way to have the rows.
    async with coop.app(room) as app:
        await app.settle()
        yield app


class Load:
    """Commands and questions at their rates, until it is stopped."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._over = False
        self.noticed = Noticed([], [], [], [])

    def stop(self) -> None:
        self._over = True

    async def run(self) -> None:
        await asyncio.gather(self._offer(COMMANDS, self._send), self._offer(QUESTIONS, self._ask))

    async def _offer(self, rate: int, once: Callable[[str, float], Coroutine[Any, Any, None]]) -> None:
        began, number, tasks = perf_counter(), 0, list[asyncio.Task[None]]()
        while not self._over:
            due = began + number / rate
            await asyncio.sleep(due - perf_counter())
            tasks.append(asyncio.create_task(once(coop.key_of(number * 7 % FAMILIES), due)))
            number += 1
        await asyncio.gather(*tasks)

    async def _send(self, key: str, due: float) -> None:
        receipt = await self._app.send(hours(key))
        acknowledged = perf_counter()
        await self._app.engine.reach([READ_MODEL], receipt.position, timeout_seconds=10.0)
        self.noticed.rows_at.append(perf_counter())
        self.noticed.lags.append((self.noticed.rows_at[-1] - acknowledged) * 1e3)

    async def _ask(self, key: str, due: float) -> None:
        await self._app.ask(GetFamily(family_id=key))
        self.noticed.answers_at.append(perf_counter())
        self.noticed.waits.append((self.noticed.answers_at[-1] - due) * 1e3)


def hours(key: str) -> Command:
    """Something that happens to a family which changes its row."""
    return LogVolunteerHours(family_id=key, hours=Decimal("1.5"), date=coop.A_DAY, activity="library")


def _gap(times: Sequence[float]) -> float:
    return max((after - before for before, after in pairwise(times)), default=float("inf"))
