"""rebuild.2: the rebuild of the co-op's family view by two processes, against the same by one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import perf_counter

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold.examples.coop.read_models import FamilyView

WORK = """
import asyncio, sys
from benchmarks import coop

async def work():
    async with coop.app_at(sys.argv[1], background="shared"):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(work())
"""


def claims(effort: Effort) -> list[Claim]:
    events = effort.size(full=1_000_000, quick=60_000)
    families = events // 100
    goal = [Goal(">=", 1.3, to="one")]
    return [
        Claim(
            name="rebuild.2",
            unit="events/s",
            sides={"product": ours(events, families, workers=1), "one": ours(events, families, workers=0)},
            goals={"postgres": goal},
            afresh=False,
            turns_max=3,
            notes=lambda: (
                f"{events:,} events of {families:,} families, by a process that builds and a worker that helps"
            ),
        )
    ]


def ours(events: int, families: int, *, workers: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.app(room, background=False) as app:
            await coop.fill(app, families=families, events=events)
            await app.rebuild(FamilyView)

            async def measure() -> float:
                began = perf_counter()
                await app.rebuild(FamilyView)
                return events / (perf_counter() - began)

            if not workers:
                yield measure
                return
            async with worker(room):
                yield measure

    return side


@asynccontextmanager
async def worker(room: Room) -> AsyncGenerator[None]:
    """Another process, which follows and helps."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", WORK, room.url, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.stdin.close()
        await process.wait()
