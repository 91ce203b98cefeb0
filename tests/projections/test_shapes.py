"""What ``@evolve`` may ask for: rows that are created, removed, moved, found by value, and that see other rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest

from tests.projections.school import ChildAdded, CourseBooked, FamilyEnrolled
from twofold.errors import DefinitionError, FoldError
from twofold.messages import Event, Indexed, Key, Recorded, by, evolve
from twofold.projections import REMOVED, Projection, ReadModel, Removed, define, grouped, groups_of
from twofold.testing import on, project


class Withdrew(Event):
    pass


class Renamed(Event):
    name: str


class Renumbered(Event):
    to: str


class Order(Event):
    customer: str


class Customer(ReadModel):
    customer_id: Key[str]
    name: str = "?"

    @evolve
    def was_renamed(self, event: Renamed) -> None:
        self.name = event.name


class Family(ReadModel):
    family_id: Key[str]
    name: str
    children: int = 0
    seen: int = 0

    @evolve(creates=True)
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.name = event.name

    @evolve
    def was_added(self, event: ChildAdded) -> None:
        self.children += 1

    @evolve(if_exists=True)
    def was_renamed(self, event: Renamed) -> None:
        self.name = event.name

    @evolve(if_exists=True)
    def has_withdrawn(self, event: Withdrew) -> Removed:
        return REMOVED

    @evolve(moves=True)
    def was_renumbered(self, event: Renumbered) -> None:
        self.family_id = event.to

    @evolve(always=True)
    def was_seen(self, event: Recorded[Event]) -> None:
        self.seen = event.position


class OrderView(ReadModel):
    order_id: Key[str]
    customer: Indexed[str] = ""
    name: str = ""

    @evolve
    def was_placed(self, event: Order, customer: Annotated[Customer | None, by("customer")]) -> None:
        self.customer, self.name = event.customer, customer.name if customer else ""

    @evolve(where="customer")
    def was_renamed(self, event: Renamed) -> None:
        self.name += f", now {event.name}"


ADA = FamilyEnrolled(name="Ada")


def test_only_a_creating_event_begins_a_row() -> None:
    assert project(Family, ADA, ChildAdded(name="Eve")) == [Family(family_id="1", name="Ada", children=1, seen=2)]
    with pytest.raises(FoldError, match="there is no such row, and only FamilyEnrolled begins one"):
        project(Family, ChildAdded(name="Eve"))


def test_an_event_that_wants_the_row_to_exist_passes_by_where_there_is_none() -> None:
    assert project(Family, Renamed(name="Ida")) == []
    assert project(Family, ADA, Renamed(name="Ida")) == [Family(family_id="1", name="Ida", seen=2)]


def test_a_removed_row_is_gone_and_may_begin_again() -> None:
    assert project(Family, ADA, Withdrew()) == []
    assert project(Family, ADA, ChildAdded(name="Eve"), Withdrew(), ADA) == [Family(family_id="1", name="Ada", seen=4)]


def test_a_row_moves_to_another_key_with_all_it_holds() -> None:
    history = ADA, ChildAdded(name="Eve"), Renumbered(to="7"), on("family-7", ChildAdded(name="Abe"))
    assert project(Family, *history) == [Family(family_id="7", name="Ada", children=2, seen=4)]


def test_a_row_cannot_move_to_where_one_is() -> None:
    with pytest.raises(FoldError, match="there is a row with the key 7 already"):
        project(Family, on("family-7", ADA), on("family-1", ADA, Renumbered(to="7")))


def test_a_looked_up_row_is_as_it_was_at_the_event_and_a_fan_out_reaches_all_that_hold_the_value() -> None:
    rows = project(
        OrderView,
        on("customer-c", Renamed(name="Bob")),
        on("order-1", Order(customer="c")),
        on("customer-c", Renamed(name="Rob")),
        on("order-2", Order(customer="c")),
        on("order-3", Order(customer="nobody")),
    )
    assert {row.order_id: row.name for row in rows} == {"1": "Bob, now Rob", "2": "Rob", "3": ""}


def test_a_fold_may_return_nothing_but_removed() -> None:
    class Chatty(ReadModel):
        family_id: Key[str]

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> str:
            return event.name

    with pytest.raises(FoldError, match="the fold returned 'Ada'; it may return nothing, or REMOVED"):
        project(Chatty, ADA)


def test_a_fold_that_counts_on_from_no_value_is_told_so() -> None:
    class Counter(ReadModel):
        family_id: Key[str]
        count: int

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.count += 1

    with pytest.raises(FoldError, match=r"no value yet"):
        project(Counter, ADA)


def test_a_fan_out_by_a_function_is_refused() -> None:
    by_name: Any = lambda event: event.name  # noqa: E731 - hidden from the type checkers, which refuse it too

    class Odd(ReadModel):
        family_id: Key[str]

        @evolve(where=by_name)
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

    with pytest.raises(DefinitionError, match="was_enrolled does not say which column finds its rows"):
        define(Odd)


def test_a_fold_that_changes_its_key_behind_our_back_is_found_out() -> None:
    class Sly(ReadModel):
        family_id: Key[str]

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            setattr(self, "family_id", event.name)  # noqa: B010 - an assignment would be found at its definition

    with pytest.raises(FoldError, match=r"the fold changed the key to Ada; say @evolve\(moves=True\)"):
        project(Sly, ADA)


def test_models_that_look_up_rows_share_a_checkpoint_with_their_source() -> None:
    orders, customers = define(OrderView), define(Customer)
    (group,) = groups_of([orders, customers])
    assert group.projections == (customers, orders)
    assert (orders.subscription, customers.subscription) == ("customer+order_view",) * 2
    assert "; in customer+order_view" in orders.table.definition


def model(name: str, group: str | None = None) -> Projection:
    class Plain(ReadModel):
        family_id: Key[str]

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

    Plain.__name__ = name
    return define(grouped(group)(Plain) if group else Plain)


def test_a_group_has_the_name_it_was_given() -> None:
    one, other, third = model("One", "families"), model("Other", "families"), model("Third")
    assert [(each.name, each.projections) for each in groups_of([one, third, other])] == [
        ("families", (one, other)),
        ("third", (third,)),
    ]


def test_a_group_cannot_be_called_like_a_read_model() -> None:
    with pytest.raises(DefinitionError, match="Two of what follows the log are called third"):
        groups_of([model("One", "third"), model("Third")])


def test_a_row_of_a_read_model_that_is_not_there_cannot_be_looked_up() -> None:
    with pytest.raises(DefinitionError, match="OrderView looks up Customer, which is not there"):
        groups_of([define(OrderView)])


def test_two_groups_cannot_look_up_rows_in_each_other() -> None:
    @grouped("a")
    class Source(ReadModel):
        key: Key[str]

        @evolve
        def was_renamed(self, event: Renamed) -> None: ...

    @grouped("b")
    class Other(ReadModel):
        key: Key[str]

        @evolve
        def was_placed(self, event: Order, source: Annotated[Source | None, by("customer")]) -> None: ...

    Other.was_placed.__annotations__["source"] = Annotated[Source | None, by("customer")]
    with pytest.raises(DefinitionError, match="The groups a and b look up rows in each other"):
        groups_of([define(Source), define(Other)])


def wishing(event: type[Event] = FamilyEnrolled, **wishes: Any) -> Callable[[], type[ReadModel]]:
    def make() -> type[ReadModel]:
        class Odd(ReadModel):
            family_id: Key[str]
            name: str = ""

        def fold(self: Any, event: Any) -> None: ...

        fold.__annotations__["event"] = event
        Odd.fold = evolve(**wishes)(fold)  # type: ignore[attr-defined]
        return Odd

    return make


def assigning() -> type[ReadModel]:
    class Odd(ReadModel):
        family_id: Key[str]

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.family_id = event.name

    return Odd


def asking(hint: object) -> Callable[[], type[ReadModel]]:
    def make() -> type[ReadModel]:
        class Odd(ReadModel):
            family_id: Key[str]

            @evolve
            def was_placed(self, event: Order, customer: Any) -> None: ...

        Odd.was_placed.__annotations__["customer"] = hint
        return Odd

    return make


def two_for_every_event() -> type[ReadModel]:
    class Odd(ReadModel):
        family_id: Key[str]

        @evolve(always=True)
        def one(self, event: Recorded[Event]) -> None: ...

        @evolve(always=True)
        def other(self, event: Recorded[Event]) -> None: ...

    return Odd


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (wishing(where="name"), r"Odd has no index on name, where FamilyEnrolled is to find rows"),
        (wishing(where="nobody"), r"Odd has no column nobody, where FamilyEnrolled is to find rows"),
        (wishing(creates=True, if_exists=True), r"fold cannot have both creates and if_exists"),
        (wishing(creates=True, where="family_id"), r"fold cannot have both creates and where"),
        (wishing(moves=True, where="family_id"), r"fold cannot have both moves and where"),
        (wishing(always=True), r"fold is for every event .*\(self, event: Recorded\[Event\]\)"),
        (two_for_every_event, r"Odd has two folds for every event"),
        (assigning, r"was_enrolled assigns the key family_id .*moves=True"),
        (asking(Any), r"was_placed does not say what customer is"),
        (asking(Annotated[Customer, by("customer")]), r"was_placed does not say what customer is"),
        (asking(Annotated[Customer | None, by("nobody")]), r"Order has no nobody"),
        (asking(Annotated[Customer | None, by()]), r"Customer has the key customer_id, and by\(\.\.\.\) gives nothing"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_when_it_is_defined(make: Callable[[], type[ReadModel]], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        define(make())


def test_a_course_for_several_families_may_pass_by_those_that_are_not_there() -> None:
    class Courses(ReadModel):
        family: Key[str]
        courses: list[str] = []

        @evolve(creates=True)
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

        @evolve(key=lambda event: event.families, if_exists=True)
        def was_booked(self, event: CourseBooked) -> None:
            self.courses.append(event.course)

    rows = project(Courses, on("family-a", ADA), CourseBooked(course="Latin", families=["a", "b"]))
    assert rows == [Courses(family="a", courses=["Latin"])]
