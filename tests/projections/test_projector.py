"""What stands between the engine and the read store: rows are loaded, folded, saved, and remembered only while they are true."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.projections.school import REGISTRY, ChildAdded, FamilyEnrolled, FamilyView, MonthView, paid
from tests.read_stores import log_of, opened
from twofold.errors import FoldError, OutcomeUnknownError, StoreUnavailableError
from twofold.messages import Event, Key, evolve
from twofold.projections import Advance, Projector, ReadModel, Table, define, fingerprint
from twofold.projections.generations import Generation
from twofold.subscriptions import Advanced, Checkpoint, Delivery, Fenced, Stopped

FAMILIES, MONTHS = define(FamilyView), define(MonthView)


class Store:
    """A read store in memory that counts what it is asked, and fails when told to."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.loaded: list[set[Any]] = []
        self.failures: list[Exception] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def load(self, table: Table, keys: Collection[Any]) -> list[Any]:
        self.loaded.append(set(keys))
        rows: list[Any] = await self._inner.load(table, keys)
        return rows

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        if self.failures:
            raise self.failures.pop(0)
        saved: list[bool] = await self._inner.save(advances)
        return saved


@pytest.fixture
async def store() -> AsyncGenerator[Any]:
    async with opened("sqlite://") as reads:
        await reads.install([FAMILIES.table, MONTHS.table])
        yield Store(reads)


class Feed:
    """Pages of one history for any number of projectors."""

    def __init__(self, recorded: Sequence[Any]) -> None:
        self._recorded = recorded

    def page(self, start: int, end: int, name: str = "family_view") -> Delivery:
        begin = Checkpoint(0, "log", 1).moved(start, self._recorded[:start])
        events = self._recorded[start:end]
        return Delivery(name, begin, begin.moved(end, events), events)


async def feed(*history: tuple[str, Event]) -> Feed:
    return Feed(REGISTRY.page((await (await log_of(history)).read()).rows))


async def total(store: Any) -> Decimal:
    (row,) = await store.select(FAMILIES.table, "where family_id = '1'", {})
    assert isinstance(row, FamilyView)
    return row.total_paid


ENROLLED = ("family-1", FamilyEnrolled(name="Ada"))
TEN, TWO = ("family-1", paid("10")), ("family-1", paid("2"))
POISON = ("family-9", ChildAdded(name="Eve"))


async def test_rows_of_the_last_pages_are_not_loaded_again(store: Any) -> None:
    history = await feed(ENROLLED, TEN, TWO, ("family-2", FamilyEnrolled(name="Bob")))
    projector = Projector(store, [FAMILIES])
    for start in range(4):
        assert await projector.deliver([history.page(start, start + 1)]) == [Advanced()]
    assert store.loaded == [{"1"}, {"2"}]
    assert await total(store) == 12


async def test_what_another_worker_changed_is_loaded_again(store: Any) -> None:
    history = await feed(ENROLLED, TEN, TWO, TEN, TWO)
    here, there = Projector(store, [FAMILIES]), Projector(store, [FAMILIES])
    assert await here.deliver([history.page(0, 2)]) == [Advanced()]
    assert await there.deliver([history.page(2, 4)]) == [Advanced()]
    assert await here.deliver([history.page(2, 3)]) == [Fenced()]
    assert await here.deliver([history.page(4, 5)]) == [Advanced()]
    assert await total(store) == 24


async def test_what_stands_before_a_poison_event_is_kept_once(store: Any) -> None:
    history = await feed(ENROLLED, TEN, TWO, POISON, TEN)
    projector = Projector(store, [FAMILIES])
    await projector.deliver([history.page(0, 2)])
    (outcome,) = await projector.deliver([history.page(2, 5)])
    assert isinstance(outcome, Stopped)
    assert isinstance(outcome.error, FoldError)
    assert (outcome.checkpoint.position, outcome.checkpoint.event_position) == (3, 3)
    assert await store.checkpoints(["family_view"]) == {"family_view": outcome.checkpoint}
    assert await total(store) == 12


@pytest.mark.parametrize(
    "failure",
    [StoreUnavailableError("away", reason="away"), OutcomeUnknownError("the disk failed"), RuntimeError("a bug")],
)
async def test_a_page_that_could_not_be_saved_is_folded_again_from_what_is_kept(store: Any, failure: Exception) -> None:
    history = await feed(ENROLLED, TEN, TWO)
    projector = Projector(store, [FAMILIES])
    await projector.deliver([history.page(0, 2)])
    store.failures = [failure]
    with pytest.raises(type(failure)):
        await projector.deliver([history.page(2, 3)])
    assert await projector.deliver([history.page(2, 3)]) == [Advanced()]
    assert await total(store) == 12


async def test_rows_that_the_database_will_not_take_stop_only_their_own_read_model(store: Any) -> None:
    class Large(ReadModel):
        family_id: Key[str]
        number: int = 2**62

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.number *= 2

    large = define(Large)
    await store.install([large.table])
    history = await feed(ENROLLED)
    projector = Projector(store, [FAMILIES, large])
    sound, broken = await projector.deliver([history.page(0, 1), history.page(0, 1, "large")])
    assert sound == Advanced()
    assert isinstance(broken, Stopped)
    assert isinstance(broken.error, FoldError)
    assert (broken.error.event_type, broken.error.position, broken.error.key) == ("FamilyEnrolled", 1, "1")
    assert broken.checkpoint.position == 0
    assert list(await store.checkpoints(["family_view", "large"])) == ["family_view"]


async def test_several_read_models_move_in_one_call_each_with_its_verdict(store: Any) -> None:
    history = await feed(ENROLLED, TEN)
    projector = Projector(store, [FAMILIES, MONTHS])
    months = Delivery("month_view", *(getattr(history.page(1, 2), name) for name in ("start", "end", "events")))
    assert await projector.deliver([history.page(0, 2), months]) == [Advanced(), Fenced()]


async def test_a_key_that_no_column_could_hold_is_refused_before_the_database_is_asked(store: Any) -> None:
    class Odd(ReadModel):
        number: Key[int]

        @evolve(key=lambda event: event.name)
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

    history = await feed(ENROLLED)
    (outcome,) = await Projector(store, [define(Odd)]).deliver([history.page(0, 1, "odd")])
    assert isinstance(outcome, Stopped)
    assert "number must be int, not str ('Ada')" in str(outcome.error)
    assert store.loaded == []


async def test_whoever_looks_after_one_read_model_does_not_forget_that_another_is_superseded(store: Any) -> None:
    history = await feed(ENROLLED, TEN)
    projector = Projector(store, [FAMILIES, MONTHS], watches_code=True)
    other = Generation("family_view", 2, "other code", "active", ("family_view",))
    await store.enter(other)
    await projector.resume(["family_view"])
    await projector.resume(["month_view"])
    (outcome,) = await projector.deliver([history.page(0, 2)])
    assert isinstance(outcome, Stopped)
    assert "which other code has made" in str(outcome.error)
    await store.enter(Generation("family_view", 2, fingerprint(FAMILIES), "active", ("family_view",)), over=other)
    (outcome,) = await projector.deliver([history.page(0, 2)])
    assert isinstance(outcome, Advanced)
