"""read_all: events per second while the whole log is read, decoded, through ``app.events``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter

import msgspec

from benchmarks import product, raw
from benchmarks.domain import FamilyEnrolled, PaymentReceived, instalments
from benchmarks.drivers import driver
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room

PAGE = 1000


def claims(effort: Effort) -> list[Claim]:
    written = raw.Written.nothing()
    events = effort.size(full=200_000, quick=10_000)
    goals = [Goal(">=", 0.6, to="limit"), Goal(">=", 2.5, to="peer")]
    return [
        Claim(
            name="read_all",
            unit="events/s",
            sides={"product": ours(events, written), "limit": limit(written), "peer": peer(events)},
            goals={"postgres": goals, "sqlite": goals},
            afresh=False,
            notes=lambda: (
                f"{events:,} events; limit: pages of {PAGE} rows, all columns, data decoded into the event's type"
            ),
        )
    ]


def ours(events: int, written: raw.Written) -> Side:
    """Every event with its position, stream, version and metadata at hand."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with product.app(room) as app:
            families = [f"f-{number}" for number in range(events // 1000)]
            await product.enroll(app, families)
            for family in families:
                await app.send(instalments(family, 999))

            await written.read(room, measured_after=0)

            async def measure() -> float:
                count = 0
                began = perf_counter()
                async for _ in app.events(after=0):
                    count += 1
                return count / (perf_counter() - began)

            yield measure

    return side


def limit(written: raw.Written) -> Side:
    """The bare driver's pages, decoded by type."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        await raw.fill(room, written)
        decoders = {kind.__name__: msgspec.json.Decoder(kind).decode for kind in (FamilyEnrolled, PaymentReceived)}
        async with driver(room) as link:
            yield lambda: raw.timed_pages(link, PAGE, decoders)

    return side


def peer(events: int) -> Side:
    """The peer's notification log in pages of the same size, mapped to its domain events."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks.peer import PeerCoop, settings

        with PeerCoop(settings(room)) as app:
            for number in range(events // 1000):
                app.receive(app.enroll(str(number)), 999)

            async def measure() -> float:
                rate: float = app.timed_read_all(PAGE)
                return rate

            yield measure

    return side
