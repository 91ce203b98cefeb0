"""lag: milliseconds from a command's acknowledgement until its row is visible, while 500 commands a second are offered."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from time import perf_counter

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.quantiles import quantile
from benchmarks.rooms import Room
from twofold import App, Command
from twofold.examples.coop.commands import LogVolunteerHours

OFFERED = 500
"""Commands a second. They come when they are due, whether or not the ones before have been answered."""

FAMILIES = 1000
READ_MODEL = "family_view"


def claims(effort: Effort) -> list[Claim]:
    quantiles = {"lag.p50": (0.5, 5.0), "lag.p99": (0.99, 25.0)}
    return [
        Claim(
            name=name,
            unit="ms",
            sides={"product": ours(effort, part)},
            goals={"postgres": [Goal("<=", most)], "sqlite": [Goal("<=", most)]},
            afresh=False,
            notes=lambda: f"{OFFERED} commands/s offered to {FAMILIES:,} families; one process sends, folds and waits",
        )
        for name, (part, most) in quantiles.items()
    ]


def ours(effort: Effort, part: float) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.filled(room, families=FAMILIES, events=FAMILIES) as app:

            async def measure() -> float:
                return quantile(await lags(app, effort.seconds), part)

            yield measure

    return side


async def lags(app: App, seconds: float) -> list[float]:
    """How long each command's row took after its acknowledgement, in milliseconds."""
    began = asyncio.get_running_loop().time()
    tasks: list[asyncio.Task[float]] = []
    for number in range(int(seconds * OFFERED)):
        due = began + number / OFFERED
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        tasks.append(asyncio.create_task(_lag(app, hours(number))))
    return await asyncio.gather(*tasks)


def hours(number: int) -> Command:
    """Something that happens to a family which changes its row."""
    key = coop.key_of(number * 7 % FAMILIES)
    return LogVolunteerHours(family_id=key, hours=Decimal("1.5"), date=coop.A_DAY, activity="library")


async def _lag(app: App, command: Command) -> float:
    receipt = await app.send(command)
    acknowledged = perf_counter()
    await app.engine.reach([READ_MODEL], receipt.position, timeout_seconds=10.0)
    return (perf_counter() - acknowledged) * 1e3
