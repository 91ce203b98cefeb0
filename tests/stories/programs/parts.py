"""What the programs are about: orders and customers, read by code of any version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from hypothesis import strategies as st

from tests.projections.naive import Models
from tests.projections.shapes import (
    EVENTS,
    Added,
    Cancelled,
    Customer,
    Left,
    Named,
    Placed,
    Renumbered,
    made_up,
)
from twofold import (
    Aggregate,
    Command,
    Event,
    Key,
    Query,
    Reader,
    ReadModel,
    Rejected,
    answers,
    by,
    decide,
    decides,
    evolve,
    grouped,
    stored_as,
)

Style: TypeAlias = Literal["apart", "looked up", "together"]
"""How the two read models go together: each for itself, because one looks up the other, or because they say so."""


class Place(Command):
    number: str
    customer: str
    note: str


class Add(Command):
    number: str
    amount: int


class Share(Command):
    number: str
    other: str
    amount: int


class Renumber(Command):
    number: str
    to: str


class Cancel(Command):
    number: str


class Name(Command):
    customer: str
    name: str


class Leave(Command):
    customer: str


@stored_as("o")
class Order(Aggregate):
    number: Key[str]
    placed: bool = False

    @decide
    def place(self, command: Place) -> Placed:
        if self.placed:
            raise Rejected("placed", f"{self.number} is placed already", customer=command.customer)
        return Placed.of(command)

    @decide
    def add(self, command: Add) -> list[Added]:
        """Nothing comes of nothing; some commands give two events."""
        return [Added(amount=command.amount)] * min(command.amount % 7, 2)

    @decide
    def renumber(self, command: Renumber) -> Renumbered:
        return Renumbered.of(command)

    @decide
    def cancel(self, command: Cancel) -> Cancelled | None:
        return Cancelled() if self.placed else None

    @evolve
    def was_placed(self, event: Placed) -> None:
        self.placed = True

    @evolve
    def was_cancelled(self, event: Cancelled) -> None:
        self.placed = False


@stored_as("c")
class Person(Aggregate):
    customer: Key[str]

    @decide
    def name(self, command: Name) -> Named:
        return Named.of(command)

    @decide
    def leave(self, command: Leave) -> Left:
        return Left()


@decides
def share(
    command: Share, order: Annotated[Order, by("number")], other: Annotated[Order, by("other")]
) -> Iterator[tuple[Order, Added]]:
    yield order, Added(amount=command.amount)
    if other is not order:
        yield other, Added(amount=command.amount)


@stored_as("customer")
@grouped("together")
class Fellow(Customer):
    """A customer who moves together with orders that do not look him up."""


class Version(msgspec.Struct, frozen=True):
    """One version of the code: how ``made_up`` folds each event (by number, in ``shapes.WAYS``)."""

    ways: tuple[tuple[str, int], ...]
    always: bool
    wide: bool
    style: Style

    @property
    def model(self) -> type[ReadModel]:
        return _model(self)

    @property
    def models(self) -> Models:
        return {"customer": Fellow if self.style == "together" else Customer, "made_up": self.model}

    @property
    def parts(self) -> list[Any]:
        return _parts(self)


BY_NAME: dict[str, type[Event]] = {event.__name__: event for event in EVENTS}


@cache
def _model(version: Version) -> type[ReadModel]:
    ways = {BY_NAME[name]: number for name, number in version.ways}
    return made_up(ways, version.always, version.style == "together", version.wide)


class MadeUpRows(Query[list[str]]):
    """Its rows as JSON, in order."""


class CustomerRows(Query[list[str]]):
    """Theirs; the answer is kept."""


@cache
def _parts(version: Version) -> list[Any]:
    customer, model = version.models.values()

    @answers
    async def made_up_rows(query: MadeUpRows, read: Reader) -> list[str]:
        return sorted(msgspec.json.encode(row).decode() for row in await read.all(model))

    @answers(cached=True)
    async def customer_rows(query: CustomerRows, read: Reader) -> list[str]:
        return sorted(msgspec.json.encode(row).decode() for row in await read.all(customer))

    return [Order, Person, share, customer, model, made_up_rows, customer_rows]


def subscriptions(style: Style) -> list[str]:
    return {"apart": ["customer", "made_up"], "looked up": ["customer+made_up"], "together": ["together"]}[style]


# --- What hypothesis draws ----------------------------------------------------------------------------------------

placed: dict[Style, st.SearchStrategy[int]] = {
    "apart": st.sampled_from([2, 3, 4]), "looked up": st.sampled_from([0, 1]), "together": st.sampled_from([2, 3, 4])
}  # fmt: skip
numbers = st.integers(0, 3)
some_ways = st.dictionaries(st.sampled_from(EVENTS), numbers)
seldom = st.sampled_from([False, False, True])


@st.composite
def versions(draw: st.DrawFn, style: Style) -> Version:
    ways = draw(some_ways) | {Placed: draw(placed[style]), Added: draw(numbers)}
    named = tuple(sorted((event.__name__, number) for event, number in ways.items()))
    return Version(named, draw(st.booleans()), draw(seldom), style)


orders = st.sampled_from(["1", "2", "3"])
people = st.sampled_from(["a", "b"])
amounts = st.sampled_from([1, 2, 7, 13])
notes = st.sampled_from(["x", "y", "out"])

commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(Place, number=orders, customer=people, note=notes),
    st.builds(Add, number=orders, amount=amounts),
    st.builds(Share, number=orders, other=orders, amount=amounts),
    st.builds(Renumber, number=orders, to=orders),
    st.builds(Cancel, number=orders),
    st.builds(Name, customer=people, name=notes),
    st.builds(Leave, customer=people),
)

Raw: TypeAlias = tuple[str, Event]

raw_events: st.SearchStrategy[Raw] = st.one_of(
    st.tuples(orders.map("o-{}".format), st.builds(Added, amount=amounts) | st.builds(Renumbered, to=orders)),
    st.tuples(orders.map("o-{}".format), st.builds(Placed, customer=people, note=notes)),
    st.tuples(people.map("c-{}".format), st.builds(Named, name=notes)),
)

Answered: TypeAlias = Callable[[], Query[list[str]]]
