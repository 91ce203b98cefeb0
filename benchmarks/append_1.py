"""append.1: what one caller waits for one durable append of one event through ``app.send`` (median)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import cycle
from statistics import median
from time import perf_counter

from benchmarks import product, raw
from benchmarks.domain import payment
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room


def claims(effort: Effort) -> list[Claim]:
    written = raw.Written.nothing()
    return [
        Claim(
            name="append.1",
            unit="µs (p50)",
            sides={
                "product": ours(effort, written),
                "limit": raw.latency(written),
                "peer": peer(effort),
                "the bare event row": raw.latency(written, tables=frozenset({"events"})),
            },
            goals={"postgres": [Goal("<=", 1.5, to="limit")], "sqlite": [Goal("<=", 2, to="limit")]},
            notes=lambda: "limit: insert and commit of the same rows (event, receipt)",
        )
    ]


def ours(effort: Effort, written: raw.Written) -> Side:
    """One caller, sixteen cached streams; what it wrote is left in ``written`` for the limit."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        families = product.families(1)[0]
        commands = [payment(each) for each in families]
        async with product.app(room) as app:
            await product.enroll(app, families)
            await product.latencies(app, effort.seconds / 10, commands)
            enrolled = (await app.log.head()).position

            async def measure() -> float:
                return median(await product.latencies(app, effort.seconds, commands))

            yield measure
        await written.read(room, measured_after=enrolled)

    return side


def peer(effort: Effort) -> Side:
    """The same from one thread."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks.peer import PeerCoop, settings

        with PeerCoop(settings(room)) as app:
            families = [app.enroll(str(number)) for number in range(16)]

            async def measure() -> float:
                times: list[float] = []
                deadline = perf_counter() + effort.seconds
                for family in cycle(families):
                    began = perf_counter()
                    app.receive(family)
                    now = perf_counter()
                    times.append(now - began)
                    if now > deadline:
                        break
                return median(times) * 1e6

            yield measure

    return side
