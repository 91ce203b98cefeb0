"""read_your_write: milliseconds to send a command and then ask for its row with the receipt, one after the other."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import count
from statistics import median
from time import perf_counter

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.lag import FAMILIES, hours
from benchmarks.rooms import Room
from twofold.examples.coop.commands import LogVolunteerHours
from twofold.examples.coop.questions import GetFamily


def claims(effort: Effort) -> list[Claim]:
    return [
        Claim(
            name="read_your_write",
            unit="ms (p50)",
            sides={"product": ours(effort), "peer": peer(effort)},
            goals={"postgres": [Goal("<=", 5)], "sqlite": [Goal("<=", 5)]},
            afresh=False,
            missing={"peer": frozenset({"sqlite"})},
            notes=lambda: "one caller; peer: save, then wait for the view; PostgreSQL only",
        )
    ]


def ours(effort: Effort) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.filled(room, families=FAMILIES, events=FAMILIES) as app:
            numbers = count()

            async def measure() -> float:
                times: list[float] = []
                deadline = perf_counter() + effort.seconds
                while perf_counter() < deadline:
                    command = hours(next(numbers))
                    assert isinstance(command, LogVolunteerHours)
                    began = perf_counter()
                    receipt = await app.send(command)
                    await app.ask(GetFamily(family_id=command.family_id), after=receipt)
                    times.append(perf_counter() - began)
                return median(times) * 1e3

            yield measure

    return side


def peer(effort: Effort) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks import peer_view
        from benchmarks.peer import PeerCoop, settings

        with PeerCoop(settings(room)) as app:
            families = [app.enroll(str(number)) for number in range(20)]
        with peer_view.following(room) as runner:

            async def measure() -> float:
                times: list[float] = []
                deadline = perf_counter() + effort.seconds
                while perf_counter() < deadline:
                    began = perf_counter()
                    runner.wait(runner.app.receive(families[len(times) % len(families)]), timeout=10)
                    times.append(perf_counter() - began)
                return median(times) * 1e3

            yield measure

    return side
