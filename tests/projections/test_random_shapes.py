"""Random logs through read models of every shape: every store holds what a naive fold of one event after the other gives.

The naive fold knows nothing of pages, plans, caches or batches: it takes one event after the other over plain rows.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, TypeAlias

import asyncpg
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.read_stores import log_of, read_store
from twofold.errors import BehindError
from twofold.messages import Event, Indexed, Key, Recorded, Registry, by, evolve, stored_as
from twofold.messages.handlers import EvolveHandler, always_of, evolvers
from twofold.projections import REMOVED, Projector, ReadModel, Removed, define
from twofold.projections.group import GROUP
from twofold.projections.parking import key_text
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

Rows: TypeAlias = dict[type[ReadModel], dict[Any, Any]]


class Named(Event):
    """In the stream of a customer."""

    name: str


class Left(Event):
    """In the stream of a customer."""


class Placed(Event):
    customer: str
    note: str = ""


class Added(Event):
    amount: int


class Renumbered(Event):
    to: str


class Cancelled(Event):
    pass


EVENTS = (Named, Left, Placed, Added, Renumbered, Cancelled)
REGISTRY = Registry(events=EVENTS)


class Customer(ReadModel):
    id: Key[str]
    name: str = "?"
    orders: list[str] = []

    @evolve
    def was_named(self, event: Named) -> None:
        self.name = event.name

    @evolve
    def has_left(self, event: Left) -> Removed:
        return REMOVED

    @evolve(key=lambda recorded: recorded.event.customer)
    def has_ordered(self, recorded: Recorded[Placed]) -> None:
        self.orders.append(recorded.stream)


def _number(recorded: Recorded[Any]) -> str:
    return recorded.stream.partition("-")[2]


Way: TypeAlias = tuple[str, Callable[..., Any], Mapping[str, Any]]


def _placed(self: Any, event: Placed, customer: Annotated[Customer | None, by("customer")]) -> None:
    self.customer = event.customer
    self.text += f"{event.note}/{customer.name if customer else '-'}/{len(customer.orders) if customer else 0};"


def _placed_alone(self: Any, event: Placed) -> None:
    self.customer, self.text = event.customer, self.text + event.note


def _named(self: Any, event: Named) -> Removed | None:
    self.text += f"{event.name}!"
    return REMOVED if event.name == "out" else None


def _handed_over(self: Any, event: Named) -> None:
    self.customer = "b" if self.customer == "a" else "a"


def _left(self: Any, event: Left) -> Removed:
    return REMOVED


def _added(self: Any, event: Added) -> None:
    self.amounts.append(event.amount)
    if event.amount == 13:
        raise ValueError("an unlucky number")


def _renumbered(self: Any, event: Renumbered) -> None:
    self.id = event.to


def _cancelled(self: Any, event: Cancelled) -> Removed:
    return REMOVED


CUSTOMER = {"key": _number}
WAYS: dict[type[Event], list[tuple[Callable[..., Any], Mapping[str, Any]]]] = {
    Placed: [
        (_placed, {}),
        (_placed, {"creates": True}),
        (_placed_alone, {}),
        (_placed_alone, {"creates": True}),
        (_placed_alone, {"if_exists": True}),
    ],
    Named: [
        (_named, {"where": "customer"}),
        (_handed_over, {"where": "customer"}),
        (_named, {"if_exists": True}),
        (_named, {"key": lambda event: [event.name, "all"]}),
    ],
    Left: [(_left, {"where": "customer"}), (_left, {"if_exists": True})],
    Added: [
        (_added, {}),
        (_added, {"if_exists": True}),
        (_added, {"key": lambda event: [str(event.amount % 3), "all"]}),
        (_added, {"where": "customer", "key": lambda event: "ab"[event.amount % 2]}),
    ],
    Renumbered: [(_renumbered, {"moves": True}), (_renumbered, {"moves": True, "if_exists": True})],
    Cancelled: [(_cancelled, {}), (_cancelled, {"if_exists": True})],
}
"""Ways to fold each event: what the method does, and what it asks of ``@evolve``."""


def made_up(ways: Mapping[type[Event], int], always: bool, group: bool) -> type[ReadModel]:
    """A read model that folds each of these events in that way."""

    @stored_as("made_up")
    class MadeUp(ReadModel):
        id: Key[str]
        customer: Indexed[str] = "a"
        text: str = ""
        amounts: list[int] = []
        seen: int = 0

    for event, number in ways.items():
        function, wishes = WAYS[event][number % len(WAYS[event])]
        setattr(MadeUp, f"was_{event.__name__}", evolve(**wishes)(_copy(function)))
    if always:

        def was_seen(self: Any, event: Recorded[Event]) -> None:
            self.seen = self.seen * 31 + event.position

        setattr(MadeUp, "was_seen", evolve(always=True)(was_seen))  # noqa: B010 - it is made, not written
    if group:
        setattr(MadeUp, GROUP, "together")
    return MadeUp


def _copy(function: Callable[..., Any]) -> Callable[..., Any]:
    def fold(*given: Any) -> Any:
        return function(*given)

    fold.__wrapped__ = function  # type: ignore[attr-defined]  # its parameters are those of what it wraps
    fold.__annotations__ = function.__annotations__
    return fold


numbers = st.sampled_from(["1", "2", "3", "all"])
words = st.sampled_from(["x", "y", "out", "1"])
happened: st.SearchStrategy[tuple[str, Event]] = st.one_of(
    st.tuples(st.sampled_from(["c-a", "c-b"]), st.one_of(st.builds(Named, name=words), st.just(Left()))),
    st.tuples(
        numbers.map("o-{}".format),
        st.one_of(
            st.builds(Placed, customer=st.sampled_from(["a", "b"]), note=words),
            st.builds(Added, amount=st.integers(0, 13)),
            st.builds(Renumbered, to=numbers),
            st.just(Cancelled()),
        ),
    ),
)
histories = st.lists(happened, max_size=40)
models = st.builds(
    made_up,
    st.dictionaries(st.sampled_from(EVENTS), st.integers(0, 20), min_size=1),
    st.booleans(),
    st.booleans(),
)


class RefusedError(Exception):
    """The naive fold cannot take an event."""


class Naive:
    """The rows of models that move together, the keys that they parked, and the position that they have reached."""

    def __init__(self, models: Sequence[type[ReadModel]], *, parks: bool) -> None:
        self.rows: Rows = {cls: {} for cls in models}
        self.parked: set[tuple[type[ReadModel], Any]] = set()
        self.position = 0
        self._parks = parks

    def run(self, log: Sequence[Recorded[Any]]) -> None:
        for recorded in log:
            if not self.take(recorded):
                return
            self.position = recorded.position

    def take(self, recorded: Recorded[Any]) -> bool:
        """Fold one event. False, with nothing changed, if a fold raises and parks no key."""
        before = {cls: {key: _reread(row) for key, row in kept.items()} for cls, kept in self.rows.items()}
        try:
            for cls in self.rows:
                handler = evolvers(cls).get(type(recorded.event))
                if handler is not None:
                    self._take(cls, handler, recorded)
        except Exception:  # noqa: BLE001 - whatever a fold raises ends it here.
            self.rows = before
            return False
        return True

    def _take(self, cls: type[ReadModel], handler: EvolveHandler, recorded: Recorded[Any]) -> None:
        for key in _keys(self.rows[cls], handler, recorded):
            if (cls, key) in self.parked:
                continue
            kept = self.rows[cls].get(key)
            before = _reread(kept) if kept is not None else None
            try:
                self._change(cls, handler, recorded, key)
            except Exception:  # Whatever a fold raises parks the key, or ends it all.
                if not self._parks:
                    raise
                self.rows[cls].pop(key, None)
                if before is not None:
                    self.rows[cls][key] = before
                self.parked.add((cls, key))

    def _change(self, cls: type[ReadModel], handler: EvolveHandler, recorded: Recorded[Any], key: Any) -> None:
        mark, kept = handler.mark, self.rows[cls]
        if key not in kept:
            if mark.if_exists:
                return
            if any(each.mark.creates for each in evolvers(cls).values()) and not mark.creates:
                raise RefusedError
        row: Any = kept.pop(key) if key in kept else cls(id=key)  # type: ignore[call-arg]
        wanted = []
        if "customer" in handler.function.__annotations__:
            if (Customer, recorded.event.customer) in self.parked:
                raise RefusedError
            wanted = [self.rows[Customer].get(recorded.event.customer)]
        ended = handler.function(row, recorded if handler.wants_recorded else recorded.event, *wanted)
        if ended is REMOVED:
            return
        if (always := always_of(cls)) is not None:
            always(row, recorded)
        if row.id in kept or (row.id != key and (cls, row.id) in self.parked):
            raise RefusedError
        kept[row.id] = row


def _reread(row: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(row), type=type(row))


def _keys(rows: Mapping[Any, Any], handler: EvolveHandler, recorded: Recorded[Any]) -> list[Any]:
    mark = handler.mark
    given = mark.key(recorded if handler.wants_recorded else recorded.event) if mark.key else _number(recorded)
    if mark.where:
        value = getattr(recorded.event, mark.where, given)
        return [key for key, row in rows.items() if getattr(row, mark.where) == value]
    return given if isinstance(given, list) else [given]


async def _case(
    url: str,
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    steps: int,
    parked_max: int,
) -> None:
    log = await log_of(history)
    recorded = REGISTRY.page((await log.read()).rows)
    projections = [define(Customer), define(model)]
    reads = read_store(url)
    await reads.open()
    try:
        await _run(log, reads, projections, page_max, rows_max, steps, parked_max)
        for group in {each.subscription for each in projections}:
            together = [each for each in projections if each.subscription == group]
            expected = Naive([each.cls for each in together], parks=parked_max > 0)
            expected.run(recorded)
            for each in together:
                kept = await reads.select(each.table, "", {})
                assert {row.id: msgspec.json.encode(row) for row in kept} == {
                    key: msgspec.json.encode(row) for key, row in expected.rows[each.cls].items()
                }
            checkpoint = (await reads.checkpoints([group])).get(group)
            assert (checkpoint.position if checkpoint else 0) == expected.position
            parked = await reads.parked([each.name for each in together])
            assert {(each.read_model, each.key) for each in parked} == {
                (define(cls).name, key_text(key)) for cls, key in expected.parked
            }
    finally:
        await reads.close()


async def _run(
    log: MemoryLog, reads: Any, projections: Any, page_max: int, rows_max: int, steps: int, parked_max: int
) -> None:
    """Fill the tables: a first engine dies after some pages, and two others fight over the rest."""

    def engine() -> Engine:
        return Engine(
            log, REGISTRY, Projector(reads, projections, rows_max=rows_max, parked_max=parked_max), page_max=page_max
        )

    first, second, third = engine(), engine(), engine()
    await reads.install([each.table for each in projections])
    for _ in range(steps):
        await first.step()
    await asyncio.gather(*(_settle(each) for each in (second, third)))


async def _settle(engine: Engine) -> None:
    with suppress(BehindError):  # A fold that raised: the naive one stopped at the same event.
        await engine.settle()


CASES = given(
    history=histories,
    model=models,
    page_max=st.integers(1, 50),
    rows_max=st.integers(0, 20),
    steps=st.integers(0, 5),
    parked_max=st.sampled_from([0, 1000]),
)


@CASES
def test_sqlite_holds_what_a_naive_fold_gives_whatever_the_shape(
    history: list[tuple[str, Event]], model: type[ReadModel], page_max: int, rows_max: int, steps: int, parked_max: int
) -> None:
    asyncio.run(_case("sqlite://", history, model, page_max, rows_max, steps, parked_max))


@settings(max_examples=settings().max_examples // 3)
@CASES
def test_postgres_holds_what_a_naive_fold_gives_whatever_the_shape(
    postgres_server_url: str,
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    steps: int,
    parked_max: int,
) -> None:
    schema = f"t_{uuid.uuid4().hex[:12]}"
    sign = "&" if "?" in postgres_server_url else "?"

    async def drop() -> None:
        connection = await asyncpg.connect(postgres_server_url)
        await connection.execute(f"drop schema if exists {schema} cascade")
        await connection.close()

    try:
        url = f"{postgres_server_url}{sign}read_schema={schema}"
        asyncio.run(_case(url, history, model, page_max, rows_max, steps, parked_max))
    finally:
        asyncio.run(drop())
