"""idle: percent of a core that an app with 20 read models uses while nothing happens."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter, process_time

from benchmarks import many
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import App

SETTLING_SECONDS = 0.5


def claims(effort: Effort) -> list[Claim]:
    seconds = effort.size(full=20, quick=1)
    goals = [Goal("<=", 1)]
    return [
        Claim(
            name="idle",
            unit="% of a core",
            sides={"product": ours(seconds)},
            goals={"postgres": goals, "sqlite": goals},
            turns_max=3,
            notes=lambda: f"{many.MODELS} read models that are level; the process's own CPU time in {seconds} s",
        )
    ]


def ours(seconds: float) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with App(*many.kept_apart(), store=room.url) as app:
            await many.fill(app, many.APPEND_EVENTS)
            await app.settle()

            async def measure() -> float:
                await asyncio.sleep(SETTLING_SECONDS)
                began, used = perf_counter(), process_time()
                await asyncio.sleep(seconds)
                return (process_time() - used) / (perf_counter() - began) * 100

            yield measure

    return side
