"""load.10000: events per second while one stream of 10,000 events is loaded; and the same with a snapshot."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter

import msgspec

from benchmarks import product, raw
from benchmarks.domain import Family, Keeper, PaymentReceived, instalments, kept
from benchmarks.drivers import driver
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import Aggregate, App

EVENTS = 10_000


def claims(effort: Effort) -> list[Claim]:
    written = raw.Written.nothing()
    times = effort.size(full=3, quick=1)
    plain = [Goal(">=", 300_000), Goal(">=", 6, to="peer")]
    snapshot = [Goal("<=", 1)]
    return [
        Claim(
            name="load.10000",
            unit="events/s",
            sides={"product": ours(times, written), "limit": limit(times, written), "peer": peer(times)},
            goals={"postgres": plain, "sqlite": plain},
            afresh=False,
            notes=lambda: "no snapshot, nothing cached; limit: select and typed decode, without a fold",
        ),
        Claim(
            name="load.10000.snapshot",
            unit="ms",
            sides={"product": ours_with_snapshot(times), "peer": peer_with_snapshot(times)},
            goals={"postgres": snapshot, "sqlite": snapshot},
            afresh=False,
            notes=lambda: "a snapshot every 500 events, nothing cached",
        ),
    ]


def ours(times: int, written: raw.Written) -> Side:
    """A new app for each load, so that nothing is cached, warmed by another stream."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with product.app(room) as app:
            for _ in range(EVENTS // 1000):
                await app.send(instalments("f-large", 1000))
            await app.send(instalments("f-small", 10))
        await written.read(room, measured_after=0)

        async def measure() -> float:
            return EVENTS / await fastest_load(times, room, Family)

        yield measure

    return side


async def fastest_load(times: int, room: Room, kind: type[Aggregate]) -> float:
    """Seconds for the large stream: the best of a few, each in a new app."""
    return min([await _load_once(product.app(room), kind) for _ in range(times)])


async def _load_once(app: App, kind: type[Aggregate]) -> float:
    async with app:
        await app.load(kind, "f-small")
        began = perf_counter()
        await app.load(kind, "f-large")
        return perf_counter() - began


def ours_with_snapshot(times: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with product.app(room) as app:
            for _ in range(EVENTS // 1000):
                await app.send(kept("f-large", 1000))
            await app.send(kept("f-small", 1000))

        async def measure() -> float:
            return 1e3 * await fastest_load(times, room, Keeper)

        yield measure

    return side


def limit(times: int, written: raw.Written) -> Side:
    """The bare driver's rows of the stream, each decoded into the event's type."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        await raw.fill(room, written)
        decode = msgspec.json.Decoder(PaymentReceived).decode
        async with driver(room) as link:

            async def measure() -> float:
                seconds = [await raw.timed_select(link, "family-f-large", decode) for _ in range(times)]
                return EVENTS / min(seconds)

            yield measure

    return side


def peer(times: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks.peer import PeerCoop, settings

        with PeerCoop(settings(room, cached=False)) as app:
            family = app.enroll("large")
            app.receive_all(family, EVENTS - 1)

            async def measure() -> float:
                seconds: list[float] = [app.timed_load(family) for _ in range(times)]
                return EVENTS / min(seconds)

            yield measure

    return side


def peer_with_snapshot(times: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks.peer import PeerCoop, settings

        with PeerCoop({**settings(room, cached=False), "IS_SNAPSHOTTING_ENABLED": "y"}) as app:
            family = app.enroll("large")
            app.receive_all(family, EVENTS - 1)
            app.take_snapshot(family)

            async def measure() -> float:
                seconds: list[float] = [app.timed_load(family) for _ in range(times)]
                return 1e3 * min(seconds)

            yield measure

    return side
