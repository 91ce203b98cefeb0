"""Strong read models inside an append: exact whoever else moves them meanwhile, wherever they stood before."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.projections.school import REGISTRY, ChildAdded, FamilyEnrolled, FamilyView, paid
from tests.read_stores import new_event, opened
from twofold.errors import FoldError, StoreUnavailableError
from twofold.messages import Event
from twofold.projections import Advance, Changes, Inline, Projector, ReadStore, Table, define, groups_of
from twofold.projections.generations import Generation, Switch
from twofold.projections.inline import GAP_MAX
from twofold.store.port import Append, Appended, Head, Row
from twofold.subscriptions import Checkpoint, Engine
from twofold.testing.memory import MemoryLog

FAMILIES = define(FamilyView)
NAME = FAMILIES.subscription

Meanwhile = Callable[[], Coroutine[Any, Any, object]]


class Transaction:
    """An append's transaction, which notes what is loaded, and lets something happen before a call of that name.

    Others see at once what is saved; ``rolled_back`` takes a checkpoint back that was moved without rows.
    """

    def __init__(self, store: ReadStore, log: MemoryLog) -> None:
        self._store, self._log = store, log
        self.loaded: list[set[Any]] = []
        self.looked = 0
        self.before: dict[str, Meanwhile] = {}
        self.moved: dict[str, Advance] = {}

    async def rolled_back(self) -> None:
        moved, self.moved = self.moved, {}
        await self._store.save([Advance(each.name, each.end, each.start) for each in moved.values()])

    async def position(self) -> int:
        return (await self._log.head()).position

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        return await self._store.generations(subscriptions)

    async def switch(self, change: Switch) -> bool:
        return await self._store.switch(change)

    async def write(self, changes: Sequence[Changes]) -> None:
        if "write" in self.before:
            await self.before.pop("write")()
        for each in changes:
            end = self.moved.pop(each.table.subscription).end
            assert await self._store.save([Advance(each.table.subscription, end, end, [each])]) == [True]

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        self.looked += 1
        return await self._store.checkpoints(names)

    async def load(self, table: Table, keys: Collection[Any]) -> list[Any]:
        self.loaded.append(set(keys))
        return await self._store.load(table, keys)

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        return await self._store.find(table, column, values)

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        if "save" in self.before:
            await self.before.pop("save")()
        saved = await self._store.save(advances)
        self.moved = {each.name: each for each, done in zip(advances, saved, strict=True) if done and not each.changes}
        return saved

    async def events_between(self, after: int, until: int) -> Sequence[Row]:
        return (await self._log.read(after=after, count_max=until - after)).rows


class Process:
    """A program with the read model: it appends, and may follow the log."""

    def __init__(self, store: ReadStore, log: MemoryLog, head: Head) -> None:
        self.log = log
        self.transaction = Transaction(store, log)
        self.stands: dict[str, Checkpoint] = {}
        self.inline = Inline(groups_of([FAMILIES]), REGISTRY, head, moved=self.stands.update)
        self.engine = Engine(log, REGISTRY, Projector(store, [FAMILIES]), inline=[NAME])

    async def append(self, *events: Event, stream: str = "family-1") -> None:
        batch = [Append(tuple(new_event(stream, event) for event in events))]
        verdicts = await self.log.append(batch)
        try:
            await self.inline.take_effect(self.transaction, batch, verdicts)
        except BaseException:
            await self.transaction.rolled_back()
            self.inline.undone()
            raise
        self.inline.kept()
        self.inline.tell()


@pytest.fixture
async def store() -> AsyncGenerator[ReadStore]:
    async with opened("sqlite://") as reads:
        await reads.install([FAMILIES.table])
        yield reads


@pytest.fixture
async def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
async def here(store: ReadStore, log: MemoryLog) -> Process:
    return Process(store, log, await log.head())


@pytest.fixture
async def there(store: ReadStore, log: MemoryLog) -> Process:
    return Process(store, log, await log.head())


async def without(log: MemoryLog, *events: Event) -> None:
    """An append of a program that does not know the read model."""
    await log.append([Append(tuple(new_event("family-1", event) for event in events))])


async def total(store: ReadStore) -> Decimal:
    (row,) = await store.select(FAMILIES.table, "where family_id = '1'", {})
    assert isinstance(row, FamilyView)
    return row.total_paid


async def position(store: ReadStore) -> int:
    found = (await store.checkpoints([NAME])).get(NAME)
    return found.position if found else 0


ENROLLED = FamilyEnrolled(name="Ada")


async def test_a_row_that_this_process_left_is_neither_looked_for_nor_loaded_again(
    here: Process, store: ReadStore
) -> None:
    await here.append(ENROLLED)
    here.transaction.looked, here.transaction.loaded = 0, []
    await here.append(paid("10"), paid("2"))
    assert (await total(store), here.transaction.looked, here.transaction.loaded) == (Decimal(12), 0, [])
    assert here.stands[NAME].position == 3


async def test_what_others_have_changed_is_loaded_anew(here: Process, there: Process, store: ReadStore) -> None:
    for process in (here, there, here, here, there):
        await process.append(ENROLLED, paid("1"))
    assert (await total(store), await position(store)) == (Decimal(5), 10)


async def test_an_append_that_fails_after_the_fold_leaves_nothing_in_memory(here: Process, store: ReadStore) -> None:
    await here.append(ENROLLED)

    async def away() -> None:
        raise StoreUnavailableError("gone", reason="away")

    here.transaction.before["write"] = away
    with pytest.raises(StoreUnavailableError):
        await here.append(paid("10"))
    await here.append(paid("2"))  # Here the log kept the ten: it is made up for.
    assert (await total(store), await position(store)) == (Decimal(12), 3)


async def test_rows_of_an_append_that_was_rolled_back_are_forgotten(here: Process, store: ReadStore) -> None:
    await here.append(ENROLLED)

    async def away() -> None:
        raise StoreUnavailableError("gone", reason="away")

    here.transaction.before["write"] = away
    with pytest.raises(StoreUnavailableError):
        await here.inline.take_effect(
            here.transaction, [Append((new_event("family-1", paid("10")),))], [Appended(2, 2, {"family-1": 2})]
        )
    await here.transaction.rolled_back()
    here.inline.undone()
    await here.append(paid("2"))
    assert (await total(store), await position(store)) == (Decimal(2), 2)


async def test_what_was_left_behind_is_told_though_nobody_knows_whether_it_was_committed(
    here: Process, store: ReadStore, log: MemoryLog
) -> None:
    """A second attempt finds the append in the log, and takes no effect: it would say nothing of it."""
    await store.enter(Generation(NAME, 1, "other code", "active", (FAMILIES.name,)))
    left: list[Collection[str]] = []
    inline = Inline(groups_of([FAMILIES]), REGISTRY, await log.head(), moved=here.stands.update, left=left.append)
    batch = [Append((new_event("family-1", paid("5")),))]
    await inline.take_effect(here.transaction, batch, await log.append(batch))
    inline.undone()
    inline.tell()
    assert left == [[NAME]]


async def test_a_short_gap_is_closed_by_the_next_append(here: Process, store: ReadStore, log: MemoryLog) -> None:
    await here.append(ENROLLED)
    await without(log, *[paid("1")] * GAP_MAX)
    await here.append(paid("1"))
    assert (await total(store), await position(store)) == (Decimal(GAP_MAX + 1), GAP_MAX + 2)


async def test_a_long_gap_is_left_to_the_engine_and_then_appends_go_on(
    here: Process, store: ReadStore, log: MemoryLog
) -> None:
    await here.append(ENROLLED)
    await without(log, *[paid("1")] * (GAP_MAX + 1))
    await here.append(paid("1"))
    assert (await total(store), await position(store)) == (Decimal(0), 1)
    await here.engine.settle()
    await here.append(paid("1"))
    assert (await total(store), await position(store)) == (Decimal(GAP_MAX + 3), GAP_MAX + 4)


async def test_whoever_becomes_level_just_before_the_append_is_written_misses_and_doubles_nothing(
    here: Process, there: Process, store: ReadStore, log: MemoryLog
) -> None:
    await here.append(ENROLLED)
    await without(log, paid("1"), paid("2"))

    async def follow() -> None:
        """The engine of another process takes the gap, which is all that it can see of the log by now."""
        events = REGISTRY.page((await log.read(after=1, count_max=2)).rows)
        (start,) = (await store.checkpoints([NAME])).values()
        row = FamilyView(family_id="1", name="Ada", total_paid=Decimal(3), last_payment=paid("1").date, seen_at=3)

        assert await store.save([Advance(NAME, start, start.moved(3, events), [Changes(FAMILIES.table, [row])])]) == [
            True
        ]

    here.transaction.before["save"] = follow
    await here.append(paid("10"))
    assert (await total(store), await position(store)) == (Decimal(13), 4)


async def test_whoever_overtakes_one_who_was_level_fences_it_and_is_then_gone_on_from(
    here: Process, there: Process, store: ReadStore, log: MemoryLog
) -> None:
    await here.append(ENROLLED)
    here.transaction.before["save"] = there.engine.settle  # It reads the append's event, as no real engine could.
    await here.append(paid("10"))
    await here.append(paid("2"))
    assert (await total(store), await position(store)) == (Decimal(12), 3)


async def test_an_event_in_the_gap_that_cannot_be_folded_refuses_no_append_and_is_not_tried_again(
    here: Process, store: ReadStore, log: MemoryLog
) -> None:
    await here.append(ENROLLED)
    await log.append([Append((new_event("family-9", ChildAdded(name="Eve")),))])
    for _ in range(2):
        await here.append(paid("10"))
    assert await position(store) == 1
    assert sum("9" in keys for keys in here.transaction.loaded) == 1


async def test_an_event_that_cannot_be_folded_refuses_its_append_with_the_place_it_would_have_had(
    here: Process, store: ReadStore
) -> None:
    await here.append(ENROLLED)
    with pytest.raises(FoldError, match=r"position 2 \(key: 9\).*Nothing was appended"):
        await here.append(ChildAdded(name="Eve"), stream="family-9")
    assert await position(store) == 1


async def test_rows_of_another_log_are_left_alone(store: ReadStore, log: MemoryLog, here: Process) -> None:
    other = Checkpoint(0, "another log", 1)
    await store.save([Advance(NAME, other, other)])
    await here.append(ENROLLED)
    assert await store.select(FAMILIES.table, "", {}) == []
