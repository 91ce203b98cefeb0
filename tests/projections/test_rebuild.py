"""A rebuild fills the next generation beside the one that serves; it may be killed, and takes over without a gap or an empty table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.projections.meddling import Meddling
from tests.projections.school import EVENTS, ChildAdded, CourseBooked, FamilyEnrolled
from tests.read_stores import KINDS, append, opened, registry_of, url_of
from twofold.backends.postgres.reads import PostgresReads
from twofold.config import PostgresURL, parse_url
from twofold.errors import FoldError, StoreUnavailableError
from twofold.messages import Event, Indexed, Key, evolve, stored_as
from twofold.messages.markers import Searchable
from twofold.projections import REMOVED, Projection, Projector, ReadModel, ReadStore, Removed, define, groups_of
from twofold.projections.dead_letters import DeadLetters
from twofold.projections.filling import Progress
from twofold.projections.generations import Generation, Switch, in_generation, numbered
from twofold.projections.parking import Letter
from twofold.projections.rebuild import Rebuild, stand
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

REGISTRY = registry_of(*EVENTS)

WAITING = """
select count(*) from pg_locks here join pg_locks awaited on awaited.pid = here.pid and not awaited.granted
where here.relation = to_regclass('twofold_checkpoints')
"""


def families(*poison: str, extra: bool = False) -> Projection:
    @stored_as("families")
    class Families(ReadModel):
        family_id: Key[str]
        name: Indexed[str] = ""
        words: Searchable[str] = ""
        children: list[str] = []
        shouted: str = ""

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.name = self.words = event.name
            self.shouted = event.name.upper() if extra else ""

        @evolve
        def was_added(self, event: ChildAdded) -> Removed | None:
            if event.name in poison:
                raise ValueError(f"no {event.name}")
            if event.name == "gone":
                return REMOVED
            self.children.append(event.name)
            return None

        @evolve(where="name", key=lambda event: event.course)
        def was_booked(self, event: CourseBooked) -> None:
            self.children.append(f"booked {event.course}")

    return define(Families)


class Bench:
    """One log, one read store, a live engine and rebuilds beside it."""

    def __init__(self, reads: ReadStore) -> None:
        self.reads, self.log = reads, MemoryLog()
        self.count = 0

    async def add(self, *events: tuple[str, Event]) -> None:
        for stream, event in events:
            await append(self.log, stream, event)

    async def fill(self, families: int = 6, rounds: int = 20) -> None:
        for number in range(families):
            await self.add((f"family-{number}", FamilyEnrolled(name="Ada" if number % 2 else "Bob")))
        for turn in range(rounds):
            name = "gone" if turn % 7 == 6 else f"child {turn}"
            await self.add((f"family-{turn % families}", ChildAdded(name=name)))
            if turn % 5 == 0:
                await self.add(("course-1", CourseBooked(course="Ada", families=[])))

    async def live(self, projection: Projection) -> Engine:
        await self.reads.install([projection.table])
        return Engine(self.log, REGISTRY, Projector(self.reads, [projection], parked_max=10), page_max=5)

    async def rebuild(self, projection: Projection, number: int = 2, **options: Any) -> Rebuild:
        (group,) = groups_of([projection])
        generation = Generation(group.name, number, "code", "building", (projection.name,))
        await self.reads.enter(generation, [projection.table])
        return Rebuild(self.log, REGISTRY, self.reads, group, generation, page_max=7, **options)

    async def rows(self, projection: Projection) -> dict[Any, Any]:
        found = await self.reads.select(projection.table, "", {})
        return {row.family_id: row for row in found}

    async def told(self, projection: Projection) -> dict[Any, str]:
        """The rows as text: the same whichever version of the class they are of."""
        return {key: str(row) for key, row in (await self.rows(projection)).items()}


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, request, tmp_path)


@pytest.fixture
async def bench(url: str) -> AsyncGenerator[Bench]:
    async with opened(url) as reads:
        yield Bench(reads)


@pytest.mark.parametrize("rows_max", [1, 4, 1000])
async def test_what_is_built_beside_is_what_the_live_fold_gives(bench: Bench, rows_max: int) -> None:
    await bench.fill()
    live = await bench.live(families())
    await live.settle()
    expected = await bench.told(families())
    again = families()
    rebuild = await bench.rebuild(again, rows_max=rows_max)
    await rebuild.catch_up()
    assert await bench.told(families()) == expected
    await rebuild.switch(1)
    assert await bench.told(again) == expected
    (old,) = (await bench.reads.query("select count(*) from families__1", {}),)
    assert old.rows[0][0] == len(expected)


async def test_live_writes_go_on_and_the_live_worker_goes_on_with_the_new_generation(bench: Bench) -> None:
    await bench.fill()
    projection = families()
    live = await bench.live(projection)
    await live.settle()
    rebuild = await bench.rebuild(projection)
    await rebuild.catch_up()
    await bench.add(("family-1", ChildAdded(name="while it was built")))
    await live.settle()
    await rebuild.switch(1)
    await bench.add(("family-1", ChildAdded(name="after the switch")))
    await live.settle()
    assert (await bench.rows(projection))["1"].children[-2:] == ["while it was built", "after the switch"]
    assert (await bench.reads.checkpoints(["families"]))["families"].position == (await bench.log.head()).position


async def test_a_generation_that_is_behind_cannot_take_over(bench: Bench) -> None:
    await bench.fill()
    projection = families()
    live = await bench.live(projection)
    rebuild = await bench.rebuild(projection)
    await rebuild.catch_up()
    await bench.add(("family-1", ChildAdded(name="later")))
    await live.settle()
    assert not await bench.reads.switch(Switch("families", 1, 2, (projection.table,)))
    await rebuild.switch(1)
    assert (await bench.rows(projection))["1"].children[-1] == "later"


@pytest.mark.parametrize(
    ("missing_max", "pool_max", "attempts"), [(3, 3, 1), (2, 3, 2), (3, 2, 2)], ids=["few", "many", "no connection"]
)
async def test_what_serves_is_held_while_the_last_few_events_are_folded(
    missing_max: int, pool_max: int, attempts: int, postgres_url: str
) -> None:
    place = parse_url(postgres_url)
    assert isinstance(place, PostgresURL)
    reads = PostgresReads(place.dsn, schema=place.read_schema, pool_max=pool_max)
    bench, projection, seen = Bench(reads), families(), 0

    async def attempted() -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            await bench.add(*[("family-1", ChildAdded(name=f"later {number}")) for number in range(3)])
            await live.settle()

    await reads.open()
    try:
        await bench.fill()
        live = await bench.live(projection)
        meddling: Any = Meddling(reads, "switch", *[attempted] * 3)
        bench.reads = meddling
        rebuild = await bench.rebuild(projection)
        rebuild._missing_max = missing_max
        await rebuild.catch_up()
        await rebuild.switch(1)
        assert seen == attempts
        assert rebuild._missing_max == (4 if missing_max == 2 else missing_max)
        assert (await bench.rows(projection))["1"].children[-1] == "later 2"
    finally:
        await reads.close()


async def test_whoever_moves_it_meanwhile_waits_and_is_fenced(postgres_url: str) -> None:
    async with opened(postgres_url) as reads:
        bench, projection = Bench(reads), families()
        await bench.fill()
        live = await bench.live(projection)
        await live.settle()
        rebuild = await bench.rebuild(projection)
        await rebuild.catch_up()
        moving: list[asyncio.Task[None]] = []
        fill_to = rebuild._filling.fill_to

        async def held(position: int) -> None:
            await bench.add(("family-1", ChildAdded(name="meanwhile")))
            moving.append(asyncio.create_task(live.settle()))
            while (await reads.query(WAITING, {})).rows == [[0]]:
                assert not moving[0].done()
            await fill_to(position)

        rebuild._filling.fill_to = held  # type: ignore[method-assign]
        await rebuild.switch(1)
        await moving[0]
        assert (await bench.rows(projection))["1"].children[-1] == "meanwhile"
        (old,) = (
            await reads.query("select count(*) from families__1 where children::text like '%meanwhile%'", {})
        ).rows
        assert old == [0]


async def test_a_killed_rebuild_goes_on_where_it_has_written(bench: Bench) -> None:
    await bench.fill(rounds=40)
    projection = families()
    live = await bench.live(projection)
    await live.settle()
    told: list[Progress] = []

    class Killed(Exception):  # noqa: N818 - a kill, not an error
        pass

    def tell(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 5:
            raise Killed

    first = await bench.rebuild(projection, rows_max=5, tell=tell)
    with pytest.raises(Killed):
        await first.catch_up()
    kept = (await bench.reads.checkpoints(["families@2"]))["families@2"].position
    assert 0 < kept <= told[-1].position
    (group,) = groups_of([projection])
    second = Rebuild(bench.log, REGISTRY, bench.reads, group, first.generation, page_max=7)
    await second.catch_up()
    await second.switch(1)
    await live.settle()
    fresh = families()
    async with opened("sqlite://") as other:
        await other.install([fresh.table])
        await Engine(bench.log, REGISTRY, Projector(other, [fresh])).settle()
        expected = {row.family_id: str(row) for row in await other.select(fresh.table, "", {})}
    assert await bench.told(projection) == expected


async def test_poison_parks_its_key_in_the_new_generation_and_nothing_else_is_missing(bench: Bench) -> None:
    await bench.fill()
    await bench.add(("family-1", ChildAdded(name="Poison")), ("family-1", ChildAdded(name="after")))
    await bench.add(("family-2", ChildAdded(name="fine")))
    broken = families("Poison")
    live = await bench.live(broken)
    await live.settle()
    expected = await bench.told(broken)
    rebuild = await bench.rebuild(broken, parked_max=5)
    await rebuild.catch_up()
    await rebuild.switch(1)
    assert await bench.told(broken) == expected
    (parked,) = await bench.reads.parked(["families"])
    assert parked.key == '"1"'
    assert len(await bench.reads.letters("families", '"1"')) == 2
    assert len(await bench.reads.parked(["families__1"])) == 1


async def test_an_event_that_nothing_can_be_parked_for_ends_the_rebuild_and_the_old_one_serves_on(bench: Bench) -> None:
    await bench.fill()
    live = await bench.live(families())
    await live.settle()
    expected = await bench.told(families())
    rebuild = await bench.rebuild(families("child 3"), parked_max=0)
    with pytest.raises(FoldError, match="no child 3"):
        await rebuild.catch_up()
    assert await bench.told(families()) == expected


async def test_the_old_generation_can_be_taken_back_and_catches_up(bench: Bench) -> None:
    await bench.fill()
    projection = families()
    live = await bench.live(projection)
    await live.settle()
    rebuild = await bench.rebuild(projection)
    await rebuild.catch_up()
    await rebuild.switch(1)
    await bench.add(("family-1", ChildAdded(name="later")))
    await live.settle()
    assert await bench.reads.switch(Switch("families", 2, 1, (projection.table,), back=True))
    await bench.add(("family-2", ChildAdded(name="even later")))
    await live.settle()
    assert (await bench.rows(projection))["1"].children[-1] == "later"
    states = [(each.number, each.state) for each in await bench.reads.generations(["families"])]
    assert states == [(2, "rejected")]


async def test_a_rebuilt_table_is_searched_and_indexed_as_before(bench: Bench) -> None:
    await bench.fill()
    projection = families()
    live = await bench.live(projection)
    await live.settle()
    rebuild = await bench.rebuild(projection)
    await rebuild.catch_up()
    await rebuild.switch(1)
    await bench.reads.install([in_generation(projection.table, 2)])
    await bench.add(("family-9", FamilyEnrolled(name="Zoe")))
    await live.settle()
    tail = "where matches(families, :text) order by family_id"
    found = [row.family_id for row in await bench.reads.select(projection.table, tail, {"text": "zo"})]
    assert found == ["9"]
    assert len(await bench.reads.select(projection.table, tail, {"text": "ad"})) >= 2


async def test_a_cancelled_generation_leaves_nothing_but_its_number(bench: Bench) -> None:
    await bench.fill()
    projection = families()
    live = await bench.live(projection)
    await live.settle()
    rebuild = await bench.rebuild(projection)
    await rebuild.catch_up()
    await bench.reads.drop(rebuild.generation, [projection.table])
    assert await bench.reads.checkpoints(["families@2"]) == {}
    assert [each.state for each in await bench.reads.generations(["families"])] == ["cancelled"]
    assert not await bench.reads.enter(rebuild.generation)


async def test_a_switch_whose_answer_is_lost_is_seen_to_be_done_and_the_next_one_is_not_in_its_way(
    bench: Bench,
) -> None:
    """A checkpoint that somebody leaves beside who comes too late is nobody's."""
    projection = families()
    await bench.fill()
    live = await bench.live(projection)
    await live.settle()

    async def unheard(change: Switch) -> bool:
        assert await bench.reads.switch(change)
        raise StoreUnavailableError("the answer was lost", reason="away")

    rebuild = await bench.rebuild(projection, take_over=unheard)
    await rebuild.catch_up()
    assert await rebuild.switch(1) == 1
    assert (await bench.reads.checkpoints(["families@2"])) == {}
    await stand(bench.log, bench.reads, "families@2")  # As one does who has not heard of it yet.
    again = await bench.rebuild(projection, 3)
    await again.catch_up()
    assert await again.switch(2) == 2
    found = await bench.reads.checkpoints(["families", "families@2", "families@3"])
    head = (await bench.log.head()).position
    assert {name: at.position for name, at in found.items()} == {"families": head, "families@2": head}


def test_names_of_generations_fit_whatever_the_name_is() -> None:
    assert numbered("families", 2) == "families__2"
    assert len(numbered("f" * 63, 2)) == 63
    assert numbered("f" * 63, 2) != numbered("f" * 63, 3)


async def test_what_was_skipped_is_left_out_of_the_next_generation_too(bench: Bench) -> None:
    await bench.fill(families=2, rounds=4)
    broken = families("child 2")
    live = await bench.live(broken)
    await live.settle()
    dead = DeadLetters(bench.log, REGISTRY, bench.reads, [broken])
    (parked,) = await dead.parked()
    assert (await dead.retry(parked, skip_reason="a test")).unparked
    before = await bench.told(broken)
    rebuild = await bench.rebuild(broken, parked_max=0)
    await rebuild.catch_up()
    await rebuild.switch(1)
    await rebuild.close()
    assert await bench.told(broken) == before
    assert "child 2" not in str(before)


async def test_a_letter_that_a_crash_has_brought_back_is_a_letter_of_the_build_too(bench: Bench) -> None:
    await bench.fill(families=2, rounds=4)
    broken = families("child 2")
    live = await bench.live(broken)
    await live.settle()
    dead = DeadLetters(bench.log, REGISTRY, bench.reads, [broken])
    (parked,) = await dead.parked()
    assert (await dead.retry(parked, skip_reason="a test")).unparked
    rebuild = await bench.rebuild(broken, parked_max=5)
    await rebuild._filling._step()
    forget, bench.reads.skipped = bench.reads.skipped, _nothing  # type: ignore[method-assign]
    rebuild.doubt()
    await rebuild.catch_up()
    bench.reads.skipped = forget  # type: ignore[method-assign]
    assert [each.key for each in await bench.reads.parked(["families__2"])] == [parked.key]


async def _nothing(read_models: Collection[str]) -> Sequence[Letter]:
    return ()


async def crowd(bench: Bench, *large: int) -> Projection:
    """So many families that their rows are copied in, with a live worker; some hold a number that no column can keep."""

    @stored_as("families")
    class Families(ReadModel):
        family_id: Key[str]
        name: Searchable[str] = ""
        children: list[str] = []
        number: int = 0

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.name = event.name

        @evolve
        def was_added(self, event: ChildAdded) -> None:
            self.children.append(event.name)
            self.number = 2**63 if event.name == "Large" else self.number

    for number in range(160):
        await bench.add((f"family-{number}", FamilyEnrolled(name=f"Örjan o'Neil {number % 7}" if number % 3 else "")))
    for number in range(160):
        name = "Large" if number in large else f"child\t{number}\\N"
        await bench.add((f"family-{number}", ChildAdded(name=name)))
    projection = define(Families)
    await (await bench.live(projection)).settle()
    return projection


@pytest.mark.parametrize("rows_max", [120, 1000])
async def test_many_new_rows_come_out_as_those_of_the_live_fold(bench: Bench, rows_max: int) -> None:
    projection = await crowd(bench)
    expected = await bench.told(projection)
    searched = "where matches(families, :text) order by family_id"
    found = await bench.reads.select(projection.table, searched, {"text": "orj neil 3"})
    assert len(found) > 10
    rebuild = await bench.rebuild(projection, rows_max=rows_max)
    await rebuild.catch_up()
    await rebuild.switch(1)
    assert await bench.told(projection) == expected
    assert await bench.reads.select(projection.table, searched, {"text": "orj neil 3"}) == found
    assert await bench.reads.parked(["families"]) == []


async def test_one_of_many_new_rows_that_cannot_be_kept_parks_its_key_and_no_other(bench: Bench) -> None:
    projection = await crowd(bench, 77, 130)
    expected = await bench.told(projection)
    rebuild = await bench.rebuild(projection, parked_max=5)
    await rebuild.catch_up()
    await rebuild.switch(1)
    assert await bench.told(projection) == expected
    assert [each.key for each in await bench.reads.parked(["families"])] == ['"77"', '"130"']


INDEXES = {
    "sqlite": "select name from sqlite_schema where tbl_name = :table and type in ('index', 'trigger') and sql is not null",
    "postgres": "select indexname from pg_indexes where schemaname = current_schema() and tablename = :table and indexname not like '%_pkey'",
}


async def indexes(bench: Bench, url: str, table: str) -> int:
    sql = INDEXES["postgres" if url.startswith("postgres") else "sqlite"]
    return len((await bench.reads.query(sql, {"table": table})).rows)


def scored() -> Projection:
    """A read model with an index that its fold needs, one that it does not, and words."""

    @stored_as("families")
    class Families(ReadModel):
        family_id: Key[str]
        name: Indexed[str] = ""
        score: Indexed[int] = 0
        words: Searchable[str] = ""

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.name = self.words = event.name

        @evolve(where="name", key=lambda event: event.course)
        def was_booked(self, event: CourseBooked) -> None:
            self.score += 1

    return define(Families)


async def test_rows_are_written_with_no_more_indexes_than_folds_need_and_serve_with_all_of_them(
    bench: Bench, url: str
) -> None:
    await bench.fill()
    projection = scored()
    live = await bench.live(projection)
    await live.settle()
    whole = await indexes(bench, url, "families")
    seen: list[int] = []

    async def look() -> None:
        seen.append(await indexes(bench, url, "families__2"))

    rebuild = await bench.rebuild(projection, brake=look)
    await rebuild.catch_up()
    assert set(seen) == {1}
    assert await indexes(bench, url, "families__2") == whole > 2
    await rebuild.switch(1)
    assert await indexes(bench, url, "families") == whole


async def test_what_takes_over_is_complete_whoever_filled_it_and_however_often_that_was_tried(
    bench: Bench, url: str
) -> None:
    await bench.fill()
    projection = scored()
    live = await bench.live(projection)
    await live.settle()
    whole = await indexes(bench, url, "families")
    rebuild = await bench.rebuild(projection)
    await rebuild.catch_up()
    for _ in range(2):
        await bench.reads.complete(rebuild.generation, [projection.table])
    third = await bench.rebuild(projection, number=3)
    while await third._filling._step():
        pass
    await third._filling._builder.flush()  # As if it had been killed before it was complete.
    assert await indexes(bench, url, "families__3") == 1
    assert await bench.reads.switch(Switch("families", 1, 3, (projection.table,)))
    assert await indexes(bench, url, "families") == whole
    found = await bench.reads.select(projection.table, "where matches(families, :text)", {"text": "ad"})
    assert len(found) == 3


async def test_what_many_events_made_of_few_rows_is_written_before_it_would_be_much_work_to_do_again(
    bench: Bench,
) -> None:
    await bench.fill(rounds=100)
    projection = families()
    live = await bench.live(projection)
    await live.settle()
    kept: list[int] = []

    async def look() -> None:
        found = await bench.reads.checkpoints(["families@2"])
        kept.append(found["families@2"].position if found else 0)

    rebuild = await bench.rebuild(projection, events_max=50, brake=look)
    await rebuild.catch_up()
    assert len(set(kept)) == 3


async def test_beside_appends_nothing_is_left_for_later_that_would_keep_them_waiting(bench: Bench, url: str) -> None:
    table = msgspec.structs.replace(scored().table, strong=True)
    await bench.reads.enter(Generation("families", 2, "code", "building", ("families",)), [table])
    # On SQLite a strong table stands in the log's own file.
    assert await indexes(bench, url, "families__2") == (1 if url.startswith("postgres") else 5)


@pytest.mark.parametrize("is_busy", [True, False])
async def test_while_others_write_it_writes_few_rows_at_a_time(
    bench: Bench, is_busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twofold.projections.builder.BUSY_ROWS_MAX", 2)
    await bench.fill(families=6, rounds=60)
    places = set[int]()

    async def stand() -> None:
        found = await bench.reads.checkpoints(["families@2"])
        places.update(at.position for at in found.values())

    rebuild = await bench.rebuild(families(), brake=stand, is_busy=lambda: is_busy)
    await rebuild.catch_up()
    assert (len(places) > 4) is is_busy


async def test_while_others_write_its_pages_are_small_so_that_nobody_waits_long_for_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twofold.projections.filling.BUSY_PAGE_MAX", 3)
    await bench.fill(families=6, rounds=40)
    told: list[int] = []
    rebuild = await bench.rebuild(
        families(), tell=lambda progress: told.append(progress.position), is_busy=lambda: len(told) < 6
    )
    await rebuild.catch_up()
    steps = [after - before for before, after in pairwise(told)]
    assert max(steps[:4]) <= 4 < max(steps[4:])
