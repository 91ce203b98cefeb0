"""search: milliseconds within which 99 of 100 searches by name over 50,000 families are answered, as somebody types."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.quantiles import quantile
from benchmarks.rooms import Room
from twofold.examples.coop.names import FAMILY_NAMES, FIRST_NAMES
from twofold.examples.coop.questions import SearchFamilies

LETTERS_MAX = 6


def claims(effort: Effort) -> list[Claim]:
    families = effort.size(full=50_000, quick=2000)
    return [
        Claim(
            name="search",
            unit="ms (p99)",
            sides={"product": ours(effort, families)},
            goals={"postgres": [Goal("<=", 10)], "sqlite": [Goal("<=", 10)]},
            afresh=False,
            turns_max=5,
            notes=lambda: (
                f"{families:,} families; every beginning of 1 to {LETTERS_MAX} letters of a name, and a first name with "
                f"a beginning of a family's; the first ten rows"
            ),
        )
    ]


def ours(effort: Effort, families: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        texts = typed() if not effort.quick else typed()[::10]
        async with coop.filled(room, families=families, events=families * 4) as app:

            async def measure() -> float:
                times: list[float] = []
                for text in texts:
                    began = perf_counter()
                    await app.ask(SearchFamilies(text=text))
                    times.append(perf_counter() - began)
                return quantile(times, 0.99) * 1e3

            yield measure

    return side


def typed() -> list[str]:
    """What stands in the field while somebody types: each beginning of each name, and both names of a family."""
    names = [*FAMILY_NAMES, *FIRST_NAMES]
    beginnings = [name[:length] for name in names for length in range(1, min(len(name), LETTERS_MAX) + 1)]
    return [*beginnings, *(f"{first} {last[:2]}" for first, last in zip(FIRST_NAMES, FAMILY_NAMES, strict=False))]
