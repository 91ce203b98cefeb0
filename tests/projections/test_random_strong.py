"""Random appends through strong read models of every shape: a naive fold says what is refused, and what is in the rows."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.postgres_server import in_own_schemas
from tests.projections.naive import Models, Naive
from tests.projections.shapes import REGISTRY, Customer, histories, models
from tests.read_stores import new_event
from twofold.config import parse_places
from twofold.messages import Event, name_of
from twofold.messages.codec import encode
from twofold.projections import Group, Inline, ReadModel, define, groups_of
from twofold.projections.deployment import code_of
from twofold.projections.generations import Generation, built_beside
from twofold.projections.rebuild import Rebuild
from twofold.projections.takeover import Takeover
from twofold.rooms import Rooms as Places
from twofold.rooms import rooms_for
from twofold.store.port import Append, Appended

History = list[tuple[str, Event]]


def naive(models: Models, history: History) -> tuple[dict[str, dict[str, bytes]], list[bool]]:
    """The rows after each event that every model could take, and which those were."""
    folded = Naive(models)
    versions: Counter[str] = Counter()
    taken: list[bool] = []
    for stream, event in history:
        place = (versions.total() + 1, stream, versions[stream] + 1)
        (recorded,) = REGISTRY.page([(*place, name_of(type(event)), 1, encode(event), METADATA)])
        taken.append(folded.take(recorded))
        if taken[-1]:
            versions += Counter([stream])
    return folded.rows, taken


METADATA = encode({"event_id": "e", "recorded_at": datetime(2000, 1, 1, tzinfo=UTC)})


def strong_groups(models: Sequence[type[ReadModel]]) -> list[Group]:
    """The models as they would be with @strong, which would mark classes that others use."""
    groups = groups_of([define(cls) for cls in models])
    for group in groups:
        for each in group.projections:
            each.join(each.table.group, strong=True)
    return groups


@asynccontextmanager
async def process(url: str, groups: Sequence[Group], rows_max: int) -> AsyncGenerator[Places]:
    """What a process that runs these has open."""
    rooms = rooms_for(parse_places(url), migrate=True, strong=True)
    await rooms.open()
    try:
        await rooms.reads.install([each.table for group in groups for each in group.projections])
        head = await rooms.log.head()
        rooms.log.carry(Inline(groups, REGISTRY, head, moved=lambda stands: None, rows_max=rows_max))
        yield rooms
    finally:
        await rooms.close()


class Building:
    """Builds all groups anew, over and over: with every other turn, what was begun catches up and takes its place."""

    def __init__(self, rooms: Places, groups: Sequence[Group]) -> None:
        self._rooms, self._groups = rooms, groups
        self._number = 1
        self._begun: list[Rebuild] = []

    async def turn(self) -> None:
        if self._begun:
            for rebuild in self._begun:
                await rebuild.switch(self._number - 1)
                await rebuild.close()
            self._begun = []
            return
        self._number += 1
        for group in self._groups:
            tables = [each.table for each in group.projections]
            names = tuple(each.name for each in tables)
            generation = Generation(group.name, self._number, code_of(group), "building", names)
            await self._rooms.reads.enter(generation, tables)
            log, reads, beside = self._rooms.log, self._rooms.reads, built_beside(group, self._number)
            take_over = Takeover(log, REGISTRY, beside, missing_max=3)
            rebuild = Rebuild(log, REGISTRY, reads, group, generation, page_max=3, rows_max=4, take_over=take_over)
            await rebuild.catch_up()
            self._begun.append(rebuild)


async def _case(
    url: str, history: History, model: type[ReadModel], sizes: list[int], rows_max: int, every: int
) -> None:
    both: list[type[ReadModel]] = [Customer, model]
    rows, taken = naive({define(cls).name: cls for cls in both}, history)
    found: list[bool] = []
    async with AsyncExitStack() as processes:
        doors = [await processes.enter_async_context(process(url, strong_groups(both), rows_max)) for _ in range(2)]
        building = Building(doors[1], strong_groups(both))
        for turn, batch in enumerate(batches(history, sizes)):
            if turn % every == 0:
                await building.turn()
            log = doors[sum(sizes[: turn + 1]) % 2].log
            verdicts = await log.append([Append((new_event(*each),)) for each in batch])
            found += [isinstance(verdict, Appended) for verdict in verdicts]
        assert found == taken
        for group in strong_groups(both):
            for each in group.projections:
                kept = await doors[0].reads.select(each.table, "", {})
                assert {row.id: msgspec.json.encode(row) for row in kept} == rows[each.name]


def batches(history: History, sizes: list[int]) -> list[History]:
    """The history cut into flushes, the sizes taken round and round."""
    found: list[History] = []
    while history:
        size = sizes[len(found) % len(sizes)]
        found.append(history[:size])
        history = history[size:]
    return found


CASES = given(
    history=histories,
    model=models,
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    rows_max=st.integers(0, 20),
    every=st.integers(1, 4),
)


@settings(max_examples=settings().max_examples // 2)
@CASES
def test_sqlite_appends_and_holds_what_a_naive_fold_takes(
    history: History, model: type[ReadModel], sizes: list[int], rows_max: int, every: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_case(f"sqlite:///{Path(folder)}/shop.db", history, model, sizes, rows_max, every))


@settings(max_examples=settings().max_examples // 5)
@CASES
def test_postgres_appends_and_holds_what_a_naive_fold_takes(
    postgres_server_url: str, history: History, model: type[ReadModel], sizes: list[int], rows_max: int, every: int
) -> None:
    asyncio.run(in_own_schemas(postgres_server_url, lambda url: _case(url, history, model, sizes, rows_max, every)))
