"""append.64: durable appends of one event per second through ``app.send``, 64 callers at once, streams cached."""

from __future__ import annotations

from contextlib import asynccontextmanager

from benchmarks import product, raw
from benchmarks.domain import payment
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room

CALLERS = 64


def claims(effort: Effort) -> list[Claim]:
    written = raw.Written.nothing()
    return [
        Claim(
            name="append.64",
            unit="appends/s",
            sides={
                "product": ours(effort, written),
                "limit": raw.throughput(written),
                "peer": peer(effort),
            },
            goals={
                "postgres": [Goal(">=", 0.5, to="limit"), Goal(">=", 15, to="peer")],
                "sqlite": [Goal(">=", 0.5, to="limit")],
            },
            notes=lambda: f"{CALLERS} callers; batches of {written.batch_size}, the limit's too; peer: 8 threads",
        )
    ]


def ours(effort: Effort, written: raw.Written) -> Side:
    """Our side; what it wrote is left in ``written`` for the limit."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        families = product.families(CALLERS)
        commands = [[payment(each) for each in own] for own in families]
        async with product.app(room) as app:
            await product.enroll(app, product.flat(families))
            await product.send_for(app, effort.seconds / 10, commands)
            enrolled = (await app.log.head()).position

            async def measure() -> float:
                with product.counted(app) as flushes:
                    rate = await product.send_for(app, effort.seconds, commands)
                written.batch_size = flushes.size
                return rate

            yield measure
        await written.read(room, measured_after=enrolled)

    return side


def peer(effort: Effort) -> Side:
    """Eight threads with the families shared out between them."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks.peer import THREADS, PeerCoop, in_threads, settings

        with PeerCoop(settings(room)) as app:
            shares = [[app.enroll(f"{thread}-{number}") for number in range(16)] for thread in range(THREADS)]
            in_threads(effort.seconds / 10, app.receive, shares)

            async def measure() -> float:
                return in_threads(effort.seconds, app.receive, shares)

            yield measure

    return side
