"""cached: answers per second to a question whose answer is kept, with nothing written meanwhile."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room

FAMILIES = 1000
IN_A_ROW = 1000
"""Asked between two looks at the clock."""


def claims(effort: Effort) -> list[Claim]:
    return [
        Claim(
            name="cached",
            unit="answers/s",
            sides={"product": ours(effort)},
            goals={"postgres": [Goal(">=", 200_000)], "sqlite": [Goal(">=", 200_000)]},
            afresh=False,
            notes=lambda: f"one caller asks for {FAMILIES:,} families in turn, each a typed row",
        )
    ]


def ours(effort: Effort) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        queries = [coop.KeptFamily(family_id=coop.key_of(number)) for number in range(FAMILIES)]
        async with coop.filled(room, families=FAMILIES, events=FAMILIES * 6) as app:

            async def measure() -> float:
                done = 0
                began = perf_counter()
                while perf_counter() - began < effort.seconds:
                    for query in queries[:IN_A_ROW]:
                        await app.ask(query)
                    done += IN_A_ROW
                return done / (perf_counter() - began)

            yield measure

    return side
