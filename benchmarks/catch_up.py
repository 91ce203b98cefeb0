"""catch_up: events per second while the co-op's family view, with all its indexes, follows a log that is there already."""

from __future__ import annotations

from contextlib import asynccontextmanager
from time import perf_counter

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.raw_rows import Saved, caught, writer
from benchmarks.rooms import Room
from twofold import App


def claims(effort: Effort) -> list[Claim]:
    saved = Saved()
    events = effort.size(full=200_000, quick=10_000)
    families, peer_events = events // 20, effort.size(full=5000, quick=500)
    return [
        Claim(
            name="catch_up",
            unit="events/s",
            sides={"product": ours(events, families, saved), "limit": limit(events, saved), "peer": peer(peer_events)},
            goals={
                "postgres": [Goal(">=", 0.6, to="limit"), Goal(">=", 25, to="peer")],
                "sqlite": [Goal(">=", 0.6, to="limit")],
            },
            missing={"peer": frozenset({"sqlite"})},
            turns_max=5,
            notes=lambda: (
                f"{events:,} events of {families:,} families; limit: the same {len(saved.batches)} upserts of "
                f"{saved.rows:,} rows in all; peer: {peer_events:,} events, a view of three columns, PostgreSQL only"
            ),
        )
    ]


def ours(events: int, families: int, saved: Saved) -> Side:
    """It follows the log twice: once for the limit, which needs what was saved, and once on the clock."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.app(room, background=False) as app:
            await coop.fill(app, families=families, events=events)
            saved.batches.clear()
            with caught(app, room, saved):
                await follow(app)
        await coop.forget_rows(room)
        async with coop.app(room, background=False) as app:

            async def measure() -> float:
                return events / await follow(app)

            yield measure

    return side


async def follow(app: App) -> float:
    """Seconds until everything is level, with the engine running as it does in an app."""
    began = perf_counter()
    await app.engine.start()
    await app.settle(timeout_seconds=600)
    return perf_counter() - began


def limit(events: int, saved: Saved) -> Side:
    """The bare driver's upserts of the same rows into the same tables, with the checkpoint."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.app(room, background=False):
            pass
        async with writer(room, saved) as write:

            async def measure() -> float:
                began = perf_counter()
                await write()
                return events / (perf_counter() - began)

            yield measure

    return side


def peer(events: int) -> Side:
    """The peer's projection runner over families with twenty events each."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        from benchmarks import peer_view
        from benchmarks.peer import PeerCoop, settings

        with PeerCoop(settings(room)) as app:
            for number in range(events // 20):
                app.receive(app.enroll(str(number)), 19)

        async def measure() -> float:
            peer_view.forget(room)
            began = perf_counter()
            with peer_view.following(room) as runner:
                runner.wait(events, timeout=600)
                return events / (perf_counter() - began)

        yield measure

    return side
