"""memory: megabytes that a process has at most while it follows a log of a million events over 100,000 rows."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room

FOLLOW = """
import asyncio, sys
from pathlib import Path
from benchmarks.catch_up import follow
from benchmarks.coop import app_at

async def main() -> None:
    async with app_at(sys.argv[1], background=False) as app:
        await follow(app)

asyncio.run(main())
print(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""
"""What the child runs. It prints the most that was ever resident, in KiB: Linux tells it of the program, not of its parent."""


def claims(effort: Effort) -> list[Claim]:
    families = effort.size(full=100_000, quick=1000)
    sizes = {"product": families * 10, "30 %": families * 3}
    goals = [Goal("<=", 400), Goal("<=", 1.1, to="30 %")]
    return [
        Claim(
            name="memory",
            unit="MB",
            sides={side: ours(families, size) for side, size in sizes.items()},
            goals={"postgres": goals, "sqlite": goals},
            turns_max=1,
            notes=lambda: f"{sizes['product']:,} events over {families:,} rows; 30 %: {sizes['30 %']:,} over as many",
        )
    ]


def ours(families: int, events: int) -> Side:
    """A process of its own that does nothing but follow; the log was filled by this one."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.app(room, background=False) as app:
            await coop.fill(app, families=families, events=events)

        async def measure() -> float:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", FOLLOW, room.url, stdout=asyncio.subprocess.PIPE
            )
            said, _ = await process.communicate()
            return int(said) / 1024

        yield measure

    return side
