"""Events and read models of every shape, made up by choosing a way to fold each event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from hypothesis import strategies as st

from twofold.messages import Event, Indexed, Key, Recorded, Registry, by, evolve, stored_as
from twofold.projections import REMOVED, ReadModel, Removed
from twofold.projections.group import GROUP

UNLUCKY: set[object] = {13}
"""What folds cannot take. It is no part of their code, so that they can be mended under way."""


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
        if event.name in UNLUCKY:
            raise ValueError("an unlucky name")

    @evolve
    def has_left(self, event: Left) -> Removed:
        return REMOVED

    @evolve(key=lambda recorded: recorded.event.customer)
    def has_ordered(self, recorded: Recorded[Placed]) -> None:
        self.orders.append(recorded.stream)


def _number(recorded: Recorded[Any]) -> str:
    return recorded.stream.partition("-")[2]


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
    if event.amount in UNLUCKY:
        raise ValueError("an unlucky number")


def _renumbered(self: Any, event: Renumbered) -> None:
    self.id = event.to


def _cancelled(self: Any, event: Cancelled) -> Removed:
    return REMOVED


CUSTOMER = {"key": _number}
Way: TypeAlias = tuple[Callable[..., Any], Mapping[str, Any]]

WAYS: dict[type[Event], list[Way]] = {
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


def made_up(ways: Mapping[type[Event], int], always: bool, group: bool, wide: bool = False) -> type[ReadModel]:
    """A read model that folds each of these events in that way. A ``wide`` one has a column more."""

    @stored_as("made_up")
    class MadeUp(ReadModel):
        id: Key[str]
        customer: Indexed[str] = "a"
        text: str = ""
        amounts: list[int] = []
        seen: int = 0

    cls = _with_a_column_more(MadeUp) if wide else MadeUp
    for event, number in ways.items():
        function, wishes = WAYS[event][number % len(WAYS[event])]
        setattr(cls, f"was_{event.__name__}", evolve(**wishes)(_copy(function)))
    if always:

        def was_seen(self: Any, event: Recorded[Event]) -> None:
            self.seen = (self.seen * 31 + event.position) % 1_000_003

        setattr(cls, "was_seen", evolve(always=True)(was_seen))  # noqa: B010 - it is made, not written
    if group:
        setattr(cls, GROUP, "together")
    return cls


def _with_a_column_more(cls: Any) -> type[ReadModel]:
    @stored_as("made_up")
    class Wider(cls):  # type: ignore[misc]  # it is made, not written
        extra: int = 7

    return Wider


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
            st.builds(Added, amount=st.integers(0, 13) | st.just(13)),
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
