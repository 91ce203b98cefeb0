"""append.dcb: as append.64, but each append is decided over two tags and carries a criteria condition."""

from __future__ import annotations

from contextlib import asynccontextmanager

from benchmarks import append_64, product, raw
from benchmarks.domain import taken
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import Command

CALLERS = append_64.CALLERS


def claims(effort: Effort) -> list[Claim]:
    written = raw.Written.nothing()
    goals = [Goal(">=", 0.4, to="append.64")]
    return [
        Claim(
            name="append.dcb",
            unit="appends/s",
            sides={
                "product": ours(effort, written),
                "limit": raw.throughput(written),
                "peer": peer(effort),
                "append.64": append_64.ours(effort, raw.Written.nothing()),
            },
            goals={"postgres": goals, "sqlite": goals},
            missing={"peer": frozenset({"sqlite"})},
            notes=lambda: (
                f"two tags each; batches of {written.batch_size}; limit: the same rows without any condition; "
                "peer has this on PostgreSQL only"
            ),
        )
    ]


def ours(effort: Effort, written: raw.Written) -> Side:
    """64 callers, each with one customer and its sixteen items; every item is shared by all customers."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        items = range(product.STREAMS_PER_CALLER)
        commands: list[list[Command]] = [
            [taken(f"c-{caller}", f"i-{item}") for item in items] for caller in range(CALLERS)
        ]
        async with product.app(room) as app:
            await product.send_each(app, product.flat(commands))
            prepared = (await app.log.head()).position

            async def measure() -> float:
                with product.counted(app) as flushes:
                    rate = await product.send_for(app, effort.seconds, commands)
                written.batch_size = flushes.size
                return rate

            yield measure
        await written.read(room, measured_after=prepared)

    return side


def peer(effort: Effort) -> Side:
    """Eight threads; each holding is kept in memory at its last position, as ours are."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks import peer_dcb
        from benchmarks.peer import THREADS, in_threads

        with peer_dcb.opened(room) as app:
            shares = [
                [peer_dcb.PeerHolding(f"c-{thread}", f"i-{item}") for item in range(product.STREAMS_PER_CALLER)]
                for thread in range(THREADS)
            ]
            in_threads(effort.seconds / 10, app.take, shares)

            async def measure() -> float:
                return in_threads(effort.seconds, app.take, shares)

            yield measure

    return side
