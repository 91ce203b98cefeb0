"""append.bulk: events per second in appends of 1000 events each: one decision that returns them all, one caller."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter

from benchmarks import product, raw
from benchmarks.domain import instalments
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import Command

EVENTS = 1000


def claims(effort: Effort) -> list[Claim]:
    written = raw.Written.nothing(batch_size=EVENTS)
    goals = [Goal(">=", 0.7, to="limit")]
    return [
        Claim(
            name="append.bulk",
            unit="events/s",
            sides={
                "product": ours(effort, written),
                "limit": raw.throughput(written),
                "peer": peer(effort),
            },
            goals={"postgres": goals, "sqlite": goals},
            notes=lambda: f"{EVENTS} events an append, one caller; limit: insert from arrays (executemany on SQLite)",
        )
    ]


def ours(effort: Effort, written: raw.Written) -> Side:
    """One caller, sixteen cached streams; what it wrote is left in ``written`` for the limit."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        families = product.families(1)[0]
        commands: list[Command] = [instalments(each, EVENTS) for each in families]
        async with product.app(room) as app:
            await product.enroll(app, families)
            await app.send(commands[0])
            enrolled = (await app.log.head()).position

            async def measure() -> float:
                return EVENTS * await product.send_for(app, effort.seconds, [commands])

            yield measure
        await written.read(room, measured_after=enrolled)

    return side


def peer(effort: Effort) -> Side:
    """The same from one thread: a thousand events in one save."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks.peer import PeerCoop, settings

        with PeerCoop(settings(room)) as app:
            families = [app.enroll(str(number)) for number in range(16)]
            app.receive(families[0], EVENTS)

            async def measure() -> float:
                began = perf_counter()
                saves = 0
                while perf_counter() - began < effort.seconds:
                    app.receive(families[saves % len(families)], EVENTS)
                    saves += 1
                return saves * EVENTS / (perf_counter() - began)

            yield measure

    return side
