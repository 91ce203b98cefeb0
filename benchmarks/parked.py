"""parked: events per second while one in a hundred keys cannot be folded, live and in a rebuild, against the same with none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter

from benchmarks import catch_up, coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import App
from twofold.examples.coop.read_models import FamilyView

STRANGERS = 100
"""One family of so many is parked at its first event, and every later event of it is kept as a letter."""


def claims(effort: Effort) -> list[Claim]:
    sizes = {
        "parked": effort.size(full=200_000, quick=10_000),
        "parked.rebuild": effort.size(full=1_000_000, quick=20_000),
    }
    families = effort.size(full=10_000, quick=500)

    async def rebuild(app: App) -> float:
        began = perf_counter()
        await app.rebuild(FamilyView)
        return perf_counter() - began

    def claim(name: str, seconds: Callable[[App], Awaitable[float]]) -> Claim:
        events = sizes[name]
        goals = [Goal(">=", 0.8, to="healthy")]
        return Claim(
            name=name,
            unit="events/s",
            sides={
                "product": side_of(events, families, seconds, strangers=STRANGERS),
                "healthy": side_of(events, families, seconds, strangers=0),
            },
            goals={"postgres": goals, "sqlite": goals},
            turns_max=3,
            notes=lambda: f"{events:,} events of {families:,} families, {families // STRANGERS} of them parked",
        )

    return [claim("parked", catch_up.follow), claim("parked.rebuild", rebuild)]


def side_of(events: int, families: int, seconds: Callable[[App], Awaitable[float]], *, strangers: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.app(room, background=False) as app:
            await coop.fill(app, families=families, events=events, strangers=strangers)

            async def measure() -> float:
                return events / await seconds(app)

            yield measure

    return side
