"""Random logs through random read models: every store holds what a naive fold of one event after the other gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.postgres_server import in_own_schemas
from tests.projections.school import (
    EVENTS,
    REGISTRY,
    BookingView,
    ChildAdded,
    CourseBooked,
    FamilyEnrolled,
    FamilyView,
    MonthView,
    PaymentReceived,
)
from tests.read_stores import log_of, read_store
from twofold.errors import BehindError, FoldError
from twofold.messages import Event, Indexed, Key, Recorded, evolve, stored_as
from twofold.messages.markers import KEY
from twofold.projections import Projection, Projector, ReadModel, ReadStore, define
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog
from twofold.testing.rows import group_about

History = list[tuple[str, Event]]

families = st.sampled_from(["1", "2", "3"])
words = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=8)
amounts = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(FamilyEnrolled, name=words),
    st.builds(ChildAdded, name=words),
    st.builds(
        PaymentReceived,
        amount=amounts,
        date=st.dates(date(2023, 1, 1), date(2024, 12, 31)),
        method=st.sampled_from(["card", "cash"]),
    ),
    st.builds(CourseBooked, course=words, families=st.lists(families, max_size=3, unique=True)),
)
histories = st.lists(st.tuples(families.map("family-{}".format), events), max_size=40)

FOLDED: dict[type[Event], Callable[[Any, Any], None]] = {
    FamilyEnrolled: lambda row, event: setattr(row, "text", event.name),
    ChildAdded: lambda row, event: row.names.append(event.name),
    PaymentReceived: lambda row, event: setattr(row, "total", row.total + event.amount),
    CourseBooked: lambda row, event: row.counts.update({event.course: row.counts.get(event.course, 0) + 1}),
}
"""What a made-up read model does with each event: every fold depends on the order, or on how often it was run."""

KEYS: dict[str, tuple[Any, Callable[[Any], Any] | None]] = {
    "by stream": (str, None),
    "by number": (int, None),
    "by length": (int, lambda recorded: len(str(recorded.event))),
    "by type": (str, lambda recorded: recorded.type),
    "by several": (str, lambda recorded: ["all", recorded.stream]),
    "by version": (date, lambda recorded: date(2024, 1, 1 + recorded.version % 28)),
}


def made_up(key: str, folds: Sequence[type[Event]]) -> type[ReadModel]:
    """A read model with this kind of key that folds these events."""
    type_, function = KEYS[key]

    @stored_as("made_up")
    class MadeUp(ReadModel):
        key: Key[str]
        text: Indexed[str | None] = None
        total: Decimal = Decimal(0)
        names: list[str] = []
        counts: dict[str, int] = {}
        seen: int = 0

    MadeUp.__annotations__["key"] = Annotated[type_, KEY]
    for event in folds:
        fold = _fold_of(event)
        setattr(MadeUp, f"was_{event.__name__}", evolve(key=function)(fold) if function else evolve(fold))
    return MadeUp


def _fold_of(event: type[Event]) -> Callable[[Any, Any], None]:
    def fold(self: Any, recorded: Any) -> None:
        FOLDED[event](self, recorded.event)
        self.seen = recorded.position

    fold.__annotations__["recorded"] = Recorded[event]  # type: ignore[valid-type]
    return fold


models = st.builds(
    made_up, st.sampled_from(sorted(KEYS)), st.lists(st.sampled_from(EVENTS), min_size=1, max_size=4, unique=True)
)


def naive(projection: Projection, recorded: Sequence[Recorded[Event]]) -> tuple[dict[Any, Any], int | None]:
    """The rows, one event at a time, each row read back from plain values before every step; and where it stopped."""
    rows: dict[Any, bytes] = {}
    for event in recorded:
        if event.type not in projection.types:
            continue
        try:
            page = group_about(projection).page([event])
            known = {key: msgspec.json.decode(row, type=projection.cls) for key, row in rows.items()}
            page.folds[projection.cls].rows.update(known)
            page.fold()
            changed = page.folds[projection.cls].changed
        except FoldError as error:
            return rows, error.position
        rows |= {key: msgspec.json.encode(row) for key, row in changed.items()}
    return rows, None


async def run(
    log: MemoryLog, reads: ReadStore, projections: Sequence[Projection], page_max: int, rows_max: int, steps: int
) -> None:
    """Fill the tables: a first engine dies after some pages, and two others fight over the rest."""
    await reads.install([projection.table for projection in projections])

    def engine() -> Engine:
        return Engine(log, REGISTRY, Projector(reads, projections, rows_max=rows_max), page_max=page_max)

    first, second, third = engine(), engine(), engine()
    for _ in range(steps):
        await first.step()
    await asyncio.gather(*(_settle(each) for each in (second, third)))


async def _settle(engine: Engine) -> None:
    with suppress(BehindError):  # A fold that raised: the naive one stopped at the same event.
        await engine.settle()


async def check(reads: ReadStore, projection: Projection, recorded: Sequence[Recorded[Event]]) -> None:
    rows, stopped_at = naive(projection, recorded)
    kept = await reads.select(projection.table, "", {})
    assert {projection.row_key(row): msgspec.json.encode(row) for row in kept} == rows
    end = (stopped_at - 1) if stopped_at else len(recorded)
    checkpoint = (await reads.checkpoints([projection.name])).get(projection.name)
    assert (checkpoint.position if checkpoint else 0) == end


async def _case(url: str, history: History, model: type[ReadModel], page_max: int, rows_max: int, steps: int) -> None:
    log = await log_of(history)
    recorded = REGISTRY.page((await log.read()).rows)
    projections = [define(cls) for cls in (FamilyView, MonthView, BookingView, model)]
    reads = read_store(url)
    await reads.open()
    try:
        await run(log, reads, projections, page_max, rows_max, steps)
        for projection in projections:
            await check(reads, projection, recorded)
    finally:
        await reads.close()


CASES = given(
    history=histories,
    model=models,
    page_max=st.integers(1, 50),
    rows_max=st.integers(0, 20),
    steps=st.integers(0, 5),
)


@CASES
def test_sqlite_holds_what_a_naive_fold_gives(
    history: History, model: type[ReadModel], page_max: int, rows_max: int, steps: int
) -> None:
    asyncio.run(_case("sqlite://", history, model, page_max, rows_max, steps))


@settings(max_examples=settings().max_examples // 3)
@CASES
def test_postgres_holds_what_a_naive_fold_gives(
    postgres_server_url: str,
    history: History,
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    steps: int,
) -> None:
    asyncio.run(in_own_schemas(postgres_server_url, lambda url: _case(url, history, model, page_max, rows_max, steps)))
