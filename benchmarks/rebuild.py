"""rebuild: events per second while the co-op's family view is built anew, until the new generation serves."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from benchmarks import coop
from benchmarks.catch_up import peer
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold import App
from twofold.examples.coop.read_models import FamilyView
from twofold.projections import groups_of
from twofold.projections.folding import Folding
from twofold.projections.rebuild import PAGE_MAX
from twofold.projections.table import Key, Table
from twofold.subscriptions.pages import Pages


def claims(effort: Effort) -> list[Claim]:
    events, peer_events = effort.size(full=1_000_000, quick=20_000), effort.size(full=5000, quick=500)
    families = events // 100
    return [
        Claim(
            name="rebuild",
            unit="events/s",
            sides={"product": ours(events, families), "limit": limit(events, families), "peer": peer(peer_events)},
            goals={
                "postgres": [Goal(">=", 0.4, to="limit"), Goal(">=", 60, to="peer")],
                "sqlite": [Goal(">=", 0.4, to="limit")],
            },
            missing={"peer": frozenset({"sqlite"})},
            afresh=False,
            turns_max=3,
            notes=lambda: (
                f"{events:,} events of {families:,} families; limit: the same pages read, decoded and folded, and nothing "
                f"written; peer: {peer_events:,} events, a view of three columns, PostgreSQL only"
            ),
        )
    ]


def ours(events: int, families: int) -> Side:
    """``app.rebuild``, in a process that does nothing else; each turn replaces the generation of the one before."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.app(room, background=False) as app:
            await coop.fill(app, families=families, events=events)

            async def measure() -> float:
                began = perf_counter()
                await app.rebuild(FamilyView)
                return events / (perf_counter() - began)

            yield measure

    return side


class Nothing:
    """Rows of a database that has none."""

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        return []

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        return []


def limit(events: int, families: int) -> Side:
    """The fold alone: every row stays in memory."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.app(room, background=False) as app:
            await coop.fill(app, families=families, events=events)

            async def measure() -> float:
                began = perf_counter()
                await fold_all(app, rows_max=4 * families)
                return events / (perf_counter() - began)

            yield measure

    return side


async def fold_all(app: App, *, rows_max: int) -> None:
    """Read, decode and fold the whole log."""
    (group,) = groups_of(app.parts.projections)
    pages = Pages(app.log, app.registry, count_max=lambda: PAGE_MAX, bytes_max=8 << 20)
    folding, position, full = Folding(group.projections, rows_max=rows_max), 0, True
    while full:
        batch = await pages.after(position, group.types)
        page, _ = await folding.changed(Nothing(), group, batch.events)
        folding.keep(page)
        position, full = batch.reached, batch.full
    await pages.close()
