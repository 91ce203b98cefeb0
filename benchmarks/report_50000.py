"""report: milliseconds of the co-op's enrollment report over 50,000 families, against its SQL alone."""

from __future__ import annotations

from contextlib import asynccontextmanager
from statistics import median
from time import perf_counter

from benchmarks import coop
from benchmarks.get_by_key import prepared
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold.examples.coop.questions import EnrollmentReport

SQL = """
select risk_tier, enrollment_month, count(*) as families, avg(engagement_score) as average_engagement
from family_view
group by risk_tier, enrollment_month
order by max(max(risk_score)) over (partition by risk_tier) desc, enrollment_month
"""
"""What ``enrollment_report`` asks."""

TIMES = 10


def claims(effort: Effort) -> list[Claim]:
    families = effort.size(full=50_000, quick=2000)
    goals = [Goal("<=", 1.2, to="limit")]
    return [
        Claim(
            name="report",
            unit="ms",
            sides={"product": ours(families), "limit": limit(families)},
            goals={"postgres": goals, "sqlite": goals},
            afresh=False,
            notes=lambda: f"{families:,} families; the median of {TIMES}; limit: the same SQL, rows as they come",
        )
    ]


def ours(families: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.filled(room, families=families, events=families * 4) as app:

            async def measure() -> float:
                times: list[float] = []
                for _ in range(TIMES):
                    began = perf_counter()
                    await app.ask(EnrollmentReport())
                    times.append(perf_counter() - began)
                return median(times) * 1e3

            yield measure

    return side


def limit(families: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.filled(room, families=families, events=families * 4):
            pass
        async with prepared(room, SQL) as select:

            async def measure() -> float:
                times: list[float] = []
                for _ in range(TIMES):
                    began = perf_counter()
                    await select()
                    times.append(perf_counter() - began)
                return median(times) * 1e3

            yield measure

    return side
