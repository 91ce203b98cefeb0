"""append.bulk: events per second in appends of 1000 events each, from decisions that return them all, by four callers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter

from benchmarks import product, raw
from benchmarks.domain import instalments
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room

EVENTS = 1000
CALLERS = 4


def claims(effort: Effort) -> list[Claim]:
    written = raw.Written.nothing()
    goals = [Goal(">=", 0.7, to="limit")]
    return [
        Claim(
            name="append.bulk",
            unit="events/s",
            sides={
                "product": ours(effort, written, CALLERS),
                "limit": raw.throughput(written),
                "peer": peer(effort),
                "one caller": ours(effort, raw.Written.nothing(), 1),
            },
            goals={"postgres": goals, "sqlite": goals},
            notes=lambda: (
                f"{EVENTS} events an append, {CALLERS} callers; limit: insert from arrays of {written.batch_size} "
                "(executemany on SQLite)"
            ),
        )
    ]


def ours(effort: Effort, written: raw.Written, callers: int) -> Side:
    """Callers with sixteen cached streams each; what they wrote is left in ``written`` for the limit."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        families = product.families(callers)
        commands = [[instalments(each, EVENTS) for each in own] for own in families]
        async with product.app(room) as app:
            await product.enroll(app, product.flat(families))
            await app.send(commands[0][0])
            enrolled = (await app.log.head()).position

            async def measure() -> float:
                with product.counted(app) as flushes:
                    rate = await product.send_for(app, effort.seconds, commands)
                written.batch_size = EVENTS * flushes.size
                return EVENTS * rate

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
