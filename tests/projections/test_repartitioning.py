"""Other numbers of partitions while workers go on: no event is folded twice into a row, and none is passed over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.postgres_server import in_own_schemas
from tests.read_stores import append, read_store, registry_of
from twofold.errors import BehindError
from twofold.messages import Event, Key, evolve, stored_as
from twofold.projections import Group, Projector, ReadModel, define, groups_of, partitioned
from twofold.projections.partitions import place_of
from twofold.projections.repartitioning import GAP_MAX, Repartitioning, exchanged
from twofold.subscriptions import Checkpoint, Engine
from twofold.subscriptions.partition import count_of, partition_names
from twofold.testing.memory import MemoryLog
from twofold.testing.memory_reads import MemoryReads

KEYS = 12
COUNTS = [1, 2, 3, 4, 6, 8]


class Written(Event):
    text: str


@stored_as("journal")
class Journal(ReadModel):
    number: Key[int]
    text: str = ""

    @evolve
    def was_written(self, event: Written) -> None:
        if event.text == "!":
            raise ValueError("unreadable")
        self.text += event.text


REGISTRY = registry_of(Written)


@cache
def group_of(count: int) -> Group:
    cls = stored_as("journal")(type("Journal", (Journal,), {"__module__": __name__}))
    (group,) = groups_of([define(partitioned(count)(cls))])
    return group


class Some(Projector):
    """Follows the partitions whose number is not left to others; all, if none of them is left."""

    left: frozenset[int] = frozenset()

    @property
    def interests(self) -> Mapping[str, frozenset[str]]:
        found = super().interests
        return {name: types for name, types in found.items() if number_of(name) not in self.left} or found


def number_of(name: str) -> int:
    return int(name.partition("#")[2].partition("/")[0] or 1)


class Desk:
    """One log, one read store, and processes that live side by side."""

    def __init__(self, reads: Any, page_max: int = 2) -> None:
        self.reads, self.log, self.page_max = reads, MemoryLog(), page_max
        self.expected: dict[int, str] = {}
        self.engines: dict[frozenset[int], Engine] = {}

    async def write(self, number: int, text: str) -> None:
        await append(self.log, f"journal-{number}", Written(text=text))
        self.expected[number] = self.expected.get(number, "") + text

    def projector(self, group: Group) -> Some:
        return Some(self.reads, group.projections, groups=[group])

    def engine(self, *left: int) -> Engine:
        """A process that leaves some partitions to others."""
        apart = frozenset(left)
        if apart not in self.engines:
            projector = self.projector(group_of(4))
            projector.left = apart
            self.engines[apart] = Engine(self.log, REGISTRY, projector, page_max=self.page_max)
        return self.engines[apart]

    async def arrange(self, count: int) -> bool:
        how = Repartitioning(self.log, REGISTRY, self.reads, projector=self.projector)
        return await how.arrange(group_of(count))

    async def settle(self) -> None:
        await self.engine().settle()

    async def stand(self) -> dict[str, int]:
        return {name: at.position for name, at in (await self.reads.checkpoints(["journal"])).items()}

    async def check(self) -> None:
        rows = await self.reads.select(group_of(1).projections[0].table, "", {})
        assert {row.number: row.text for row in rows} == self.expected


def of_partition(number: int, count: int) -> int:
    return next(each for each in range(1000) if place_of(each, count) == number - 1)


@pytest.fixture(params=["dicts", "sqlite://", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue("postgres_url") if request.param == "postgres" else request.param
    return found


async def open_desk(url: str) -> Desk:
    reads: Any = MemoryReads() if url == "dicts" else read_store(url)
    await reads.open()
    await reads.install([group_of(1).projections[0].table])
    return Desk(reads)


async def test_a_partition_that_is_split_hands_its_place_on(url: str) -> None:
    desk = await open_desk(url)
    try:
        for number in range(KEYS):
            await desk.write(number, "a")
        await desk.engine(1, 3).settle()
        assert await desk.stand() == dict(zip(partition_names("journal", 4), [0, 12, 0, 12], strict=True))
        assert await desk.arrange(8)
        assert await desk.stand() == dict(zip(partition_names("journal", 8), [0, 12] * 4, strict=True))
        for number in range(KEYS):
            await desk.write(number, "b")
        await desk.settle()
        await desk.check()
    finally:
        await desk.reads.close()


async def test_partitions_that_become_one_are_brought_to_one_place_first(url: str) -> None:
    desk = await open_desk(url)
    try:
        for number in range(KEYS):
            await desk.write(number, "a")
        await desk.engine(1, 3).settle()
        for number in range(KEYS):
            await desk.write(number, "b")
        old = {name: at.epoch for name, at in (await desk.reads.checkpoints(["journal"])).items()}
        assert await desk.arrange(2)
        assert await desk.stand() == dict(zip(partition_names("journal", 2), [0, 12], strict=True))
        assert await desk.arrange(1)
        assert await desk.stand() == {"journal": 12}
        assert (await desk.reads.checkpoints(["journal"]))["journal"].epoch > max(old.values())
        await desk.engine(1, 3).settle()  # It follows what there is now.
        await desk.settle()
        await desk.check()
    finally:
        await desk.reads.close()


async def test_whoever_was_late_with_a_page_of_the_old_partitions_keeps_nothing(url: str) -> None:
    desk = await open_desk(url)
    try:
        await desk.write(1, "a")
        late = desk.projector(group_of(4))
        saved, right = asyncio.Event(), desk.reads.save
        await desk.engine().step()
        await desk.write(1, "b")

        async def save(advances: Any) -> Any:
            assert await desk.arrange(8)
            assert await desk.arrange(4)  # The same names, and yet not the same.
            saved.set()
            return await right(advances)

        engine = Engine(desk.log, REGISTRY, late)
        assert await engine.step() is False or True
        desk.reads.save = save
        await desk.write(1, "c")
        await engine.step()
        desk.reads.save = right
        assert saved.is_set()
        await asyncio.gather(engine.settle(), desk.settle())
        await desk.check()
    finally:
        await desk.reads.close()


async def test_a_partition_that_never_moved_is_not_begun_again_by_whoever_was_late(url: str) -> None:
    desk = await open_desk(url)
    try:
        await desk.write(1, "a")
        late = Engine(desk.log, REGISTRY, desk.projector(group_of(1)))
        right = desk.reads.save

        async def save(advances: Any) -> Any:
            desk.reads.save = right
            await desk.settle()  # It splits, before the first event of all is kept.
            return await right(advances)

        desk.reads.save = save
        await late.settle()
        assert await desk.stand() == dict.fromkeys(partition_names("journal", 4), 1)
        await desk.check()
    finally:
        await desk.reads.close()


async def test_what_stands_too_far_apart_is_left_as_it_is() -> None:
    desk = await open_desk("dicts")
    desk.page_max = 5000
    for _ in range(GAP_MAX + 1):
        await desk.write(1, ".")
    await desk.engine(1).settle()
    assert not await desk.arrange(1)
    assert await desk.arrange(8)  # Nobody waits for anybody where nothing becomes one.
    await desk.settle()
    assert await desk.arrange(1)
    await desk.check()


async def test_a_partition_that_has_stopped_is_not_passed_over() -> None:
    desk = await open_desk("dicts")
    stuck = of_partition(1, 4)
    await desk.write(stuck, "!")
    await desk.write(of_partition(2, 4), "a")
    with pytest.raises(BehindError):
        await desk.settle()
    assert not await desk.arrange(1)
    assert count_of(await desk.stand()) == 4
    assert await desk.arrange(8)
    assert sorted((await desk.stand()).values()) == [0, 0, 2, 2, 2, 2, 2, 2]


def test_where_partitions_take_the_place_of_others() -> None:
    def at(*positions: int) -> dict[str, Checkpoint]:
        names = partition_names("journal", len(positions))
        return {name: Checkpoint(position, "s", 1) for name, position in zip(names, positions, strict=True)}

    def places(count: int, *positions: int) -> list[int] | None:
        found = exchanged(group_of(count), at(*positions))
        return None if found is None else [each.position for each in found.values()]

    assert places(4, 7) == [7, 7, 7, 7]
    assert places(4, 3, 5) == [3, 5, 3, 5]
    assert places(2, 3, 5, 3, 5) == [3, 5]
    assert places(2, 3, 5, 4, 5) is None
    assert places(6, 3, 5, 3, 5) == [3, 5, 3, 5, 3, 5]
    assert places(3, 3, 5) is None
    assert places(3, 4, 4) == [4, 4, 4]


Action: TypeAlias = tuple[str, Any, Any]
actions = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 6), st.just(None)),
        st.tuples(st.just("step"), st.frozensets(st.integers(2, 8), max_size=4), st.integers(1, 4)),
        st.tuples(st.just("arrange"), st.sampled_from(COUNTS), st.just(None)),
    ),
    min_size=6,
    max_size=25,
)


async def _story(reads: Any, told: Sequence[Action], page_max: int) -> None:
    await reads.open()
    try:
        await reads.install([group_of(1).projections[0].table])
        desk, written = Desk(reads, page_max), 0
        for what, one, two in told:
            if what == "write":
                for _ in range(one):
                    written += 1
                    await desk.write(written * 5 % KEYS, f"{written};")
            elif what == "step":
                for _ in range(two):
                    await desk.engine(*one).step()
            else:
                assert await desk.arrange(one)
        desk.engine()  # One that leaves nothing to others.
        await asyncio.gather(*(engine.settle() for engine in desk.engines.values()))
        await desk.check()
        assert set((await desk.stand()).values()) <= {written}
    finally:
        await reads.close()


STORIES = given(told=actions, page_max=st.integers(1, 7))


@settings(max_examples=settings().max_examples * 3)
@STORIES
def test_any_order_of_splitting_and_following_in_memory(told: Sequence[Action], page_max: int) -> None:
    asyncio.run(_story(MemoryReads(), told, page_max))


@STORIES
def test_any_order_of_splitting_and_following_on_sqlite(told: Sequence[Action], page_max: int) -> None:
    asyncio.run(_story(read_store("sqlite://"), told, page_max))


@settings(max_examples=settings().max_examples // 3)
@STORIES
def test_any_order_of_splitting_and_following_on_postgres(
    postgres_server_url: str, told: Sequence[Action], page_max: int
) -> None:
    asyncio.run(in_own_schemas(postgres_server_url, lambda url: _story(read_store(url), told, page_max)))
