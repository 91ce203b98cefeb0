"""Builds of one process go one after the other, and wait for those of other processes without keeping each other up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.projections.school import EVENTS, ChildAdded
from tests.read_stores import append, registry_of
from twofold.config import parse_places
from twofold.messages import Key, evolve
from twofold.projections import Projector, ReadModel, define, groups_of
from twofold.projections.builds import Builds
from twofold.projections.deployment import Deployment
from twofold.rooms import Rooms, rooms_for
from twofold.subscriptions import Engine, Worker


class Children(ReadModel):
    family_id: Key[str]
    count: int = 0

    @evolve
    def was_added(self, event: ChildAdded) -> None:
        self.count += 1


class Names(ReadModel):
    family_id: Key[str]
    names: str = ""

    @evolve
    def was_added(self, event: ChildAdded) -> None:
        self.names += event.name


class Process:
    """What builds in one process, as far as this is about it."""

    def __init__(self, rooms: Rooms) -> None:
        projections = [define(Children), define(Names)]
        registry, reads = registry_of(*EVENTS), rooms.reads
        self.log, self.leases = rooms.log, rooms.leases
        self.groups = {group.name: group for group in groups_of(projections)}
        self.deployment = Deployment(reads, self.groups.values())
        projector = Projector(reads, projections)
        engine = Engine(self.log, registry, projector)
        self.worker = Worker(engine, self.leases, lambda: (), id="one", look_seconds=0.0)
        self.builds = Builds(self.log, registry, reads, self.deployment, projector, self.worker, parked_max=0)

    async def build(self, name: str) -> int:
        return (await self.builds.build(await self.deployment.plan(self.groups[name]))).number


@pytest.fixture
async def process() -> AsyncGenerator[Process]:
    rooms = rooms_for(parse_places("sqlite://"), migrate=True)
    await rooms.open()
    try:
        found = Process(rooms)
        await rooms.reads.install([each.table for group in found.groups.values() for each in group.projections])
        await append(found.log, "family-1", ChildAdded(name="Ada"))
        yield found
    finally:
        await rooms.close()


async def test_what_another_process_builds_is_waited_for_and_holds_nothing_else_up(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, is_refused = process.leases.take, asyncio.Event()
    await take("two", ["children@next"], seconds=60.0, fence=False)

    async def taking(*given: Any, **named: Any) -> frozenset[str]:
        taken = await take(*given, **named)
        if not taken:
            is_refused.set()
        return taken

    monkeypatch.setattr(process.leases, "take", taking)
    waiting = asyncio.create_task(process.build("children"))
    await is_refused.wait()
    assert await process.build("names") == 2
    assert not waiting.done()
    await process.leases.give_back("two", ["children@next"])
    assert await waiting == 2


async def test_two_that_build_the_same_in_one_process_do_so_one_after_the_other(process: Process) -> None:
    async with process.worker.building("children"):
        first = asyncio.create_task(process.build("children"))
        async with process.worker.holding("children@next") as is_mine:
            assert not is_mine
    assert (await process.leases.board()).holder("children@next") in (None, "one")
    assert await first == 2
    assert (await process.leases.board()).holder("children@next") is None
