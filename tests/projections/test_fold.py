"""The fold of a page into rows, without a database."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.projections.school import BookingView, ChildAdded, CourseBooked, FamilyEnrolled, FamilyView, MonthView, paid
from twofold.errors import FoldError
from twofold.messages import Event, Key, OpaqueEvent, Recorded, evolve
from twofold.projections import Projection, ReadModel, define
from twofold.testing.rows import group_about


def recorded(*history: tuple[str, Event]) -> list[Recorded[Any]]:
    return [
        Recorded(event, position, stream, position, type(event).__name__, 1, b"{}", b"{}")
        for position, (stream, event) in enumerate(history, 1)
    ]


def fold(projection: Projection, events: Sequence[Recorded[Any]], rows: dict[Any, Any] | None = None) -> dict[Any, Any]:
    page = group_about(projection).page(events)
    page.folds[projection.cls].rows.update(rows or {})
    page.fold()
    return dict(page.folds[projection.cls].changed)


def test_a_row_begins_with_its_defaults_at_its_first_event() -> None:
    rows = fold(define(FamilyView), recorded(("family-1", FamilyEnrolled(name="Ada"))))
    assert rows == {"1": FamilyView(family_id="1", name="Ada")}


def test_later_events_change_the_row_in_order() -> None:
    history = recorded(
        ("family-1", FamilyEnrolled(name="Ada")),
        ("family-2", FamilyEnrolled(name="Bob")),
        ("family-1", paid("10.50", 2)),
        ("family-1", ChildAdded(name="Eve")),
        ("family-1", FamilyEnrolled(name="Ida")),
    )
    assert fold(define(FamilyView), history)["1"] == FamilyView(
        family_id="1",
        name="Ida",
        total_paid=Decimal("10.50"),
        last_payment=date(2024, 2, 15),
        children=["Eve"],
        seen_at=3,
    )


def test_a_row_that_exists_is_changed_and_others_are_left_out() -> None:
    kept = {"1": FamilyView(family_id="1", name="Ada"), "2": FamilyView(family_id="2", name="Bob")}
    assert list(fold(define(FamilyView), recorded(("family-1", ChildAdded(name="Eve"))), kept)) == ["1"]


def test_a_key_function_may_give_several_fields() -> None:
    rows = fold(
        define(MonthView), recorded(("family-1", paid("1")), ("family-2", paid("2")), ("family-1", paid("4", 2)))
    )
    assert {key: row.collected for key, row in rows.items()} == {
        (date(2024, 1, 1), "card"): Decimal(3),
        (date(2024, 2, 1), "card"): Decimal(4),
    }


def test_an_event_with_several_keys_changes_a_row_for_each() -> None:
    rows = fold(define(BookingView), recorded(("course-1", CourseBooked(course="Latin", families=["a", "b"]))))
    assert rows == {name: BookingView(family=name, courses=["Latin"]) for name in ("a", "b")}


def test_a_field_of_the_events_own_is_the_key_before_the_stream() -> None:
    class ByName(ReadModel):
        name: Key[str]
        count: int = 0

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            self.count += 1

    assert list(fold(define(ByName), recorded(("family-1", FamilyEnrolled(name="Ada"))))) == ["Ada"]


class ByNumber(ReadModel):
    number: Key[int]
    count: int = 0

    @evolve
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.count += 1


def test_the_key_in_a_streams_name_becomes_the_type_of_the_key_column() -> None:
    assert list(fold(define(ByNumber), recorded(("family-42", FamilyEnrolled(name="Ada"))))) == [42]


def test_a_stream_whose_name_does_not_hold_such_a_key_is_refused() -> None:
    with pytest.raises(FoldError, match=r"by_number cannot take FamilyEnrolled at position 1 .*Expected `int`"):
        fold(define(ByNumber), recorded(("family-f1", FamilyEnrolled(name="Ada"))))


def test_an_event_for_a_row_that_does_not_exist_is_refused_where_columns_would_stay_unset() -> None:
    with pytest.raises(FoldError, match="there is no row yet, and this event does not set its name") as failure:
        fold(define(FamilyView), recorded(("family-7", paid("1"))))
    assert (failure.value.position, failure.value.key, failure.value.event_type) == (1, "7", "PaymentReceived")


def test_setting_a_column_later_in_the_page_does_not_help() -> None:
    history = recorded(("family-7", paid("1")), ("family-7", FamilyEnrolled(name="Ada")))
    with pytest.raises(FoldError, match="does not set its name"):
        fold(define(FamilyView), history)


def test_a_fold_that_raises_names_the_event_the_key_and_the_reason() -> None:
    class Picky(ReadModel):
        family_id: Key[str]

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None:
            raise ValueError("no more Adas")

    with pytest.raises(FoldError) as failure:
        fold(define(Picky), recorded(("family-1", FamilyEnrolled(name="Ada"))))
    assert failure.value.fact == "picky cannot take FamilyEnrolled at position 1 (key: 1): ValueError: no more Adas"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (lambda event: 1, "TypeError: name must be str, not int (1)"),
        (lambda event: None, "TypeError: name must be str, not NoneType (None)"),
        (lambda event: ("a", "b"), "TypeError: name must be str, not tuple (('a', 'b'))"),
        (lambda event: event.nobody, "AttributeError: 'FamilyEnrolled' object has no attribute 'nobody'"),
    ],
)
def test_a_key_that_does_not_fit_is_refused(key: Any, reason: str) -> None:
    class Odd(ReadModel):
        name: Key[str]

        @evolve(key=key)
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

    with pytest.raises(FoldError) as failure:
        fold(define(Odd), recorded(("family-1", FamilyEnrolled(name="Ada"))))
    assert failure.value.reason == reason


def test_every_part_of_a_key_is_checked() -> None:
    class Odd(ReadModel):
        month: Key[date]
        name: Key[str]

        @evolve(key=lambda event: (event.name, event.name))
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

    with pytest.raises(FoldError, match=r"month must be date, not str \('Ada'\)"):
        fold(define(Odd), recorded(("family-1", FamilyEnrolled(name="Ada"))))


def test_an_event_that_this_code_cannot_read_is_refused_with_the_reason() -> None:
    unreadable = OpaqueEvent(type="FamilyEnrolled", schema=9, data=b"{}", reason="schema version 9 is unknown")
    history = [Recorded(unreadable, 5, "family-1", 1, "FamilyEnrolled", 9, b"{}", b"{}")]
    with pytest.raises(FoldError, match=r"cannot take FamilyEnrolled at position 5 .*schema version 9 is unknown"):
        fold(define(FamilyView), history)


def test_what_a_fold_takes_from_an_event_is_not_changed_by_the_next() -> None:
    class Guests(ReadModel):
        course: Key[str]
        families: list[str] = []

        @evolve
        def was_booked(self, event: CourseBooked) -> None:
            self.families = event.families

        @evolve(key=lambda event: "Latin")
        def was_added(self, event: ChildAdded) -> None:
            self.families.append(event.name)

    booked = CourseBooked(course="Latin", families=["a"])
    rows = fold(define(Guests), recorded(("course-1", booked), ("family-1", ChildAdded(name="Eve"))))
    assert (rows["Latin"].families, booked.families) == (["a", "Eve"], ["a"])


def test_rows_and_events_cost_the_garbage_collector_nothing() -> None:
    # It would walk through all that are remembered again and again, and stop everything for tens of milliseconds.
    class Crowd(ReadModel):
        family_id: Key[str]
        names: list[str] = []

    (event,) = recorded(("course-1", CourseBooked(course="chess", families=["1"])))
    assert not any(map(gc.is_tracked, (Crowd(family_id="1"), event, event.event)))
