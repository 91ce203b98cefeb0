"""The co-op's read models: which rows a history folds to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.examples.test_coop_write_model import ENROLLED, PAID, charged
from twofold import Event
from twofold.errors import FoldError
from twofold.examples.coop.account import Settled
from twofold.examples.coop.analytics import PaymentAnalytics
from twofold.examples.coop.at_risk import AtRiskFamily
from twofold.examples.coop.events import (
    AttendanceRecorded,
    Channel,
    ChildAdded,
    ContactRecorded,
    CoordinatorAssigned,
    FamilyWithdrawn,
    LoginRecorded,
    PaymentReceived,
    RiskScoreUpdated,
)
from twofold.examples.coop.read_models import FamilyView
from twofold.examples.coop.risk import RiskFactor
from twofold.testing import on, project

SEPTEMBER, OCTOBER = date(2024, 9, 1), date(2024, 10, 1)


def scored(score: int, day: int = 1, *factors: RiskFactor) -> RiskScoreUpdated:
    return RiskScoreUpdated(
        family_id="f-1", risk_score=score, risk_factors=list(factors), date=SEPTEMBER.replace(day=day)
    )


def contacted(day: int, method: Channel) -> ContactRecorded:
    return ContactRecorded(family_id="f-1", date=SEPTEMBER.replace(day=day), method=method, notes="")


def family(*events: Event) -> FamilyView:
    (row,) = project(FamilyView, on("family-f-1", ENROLLED, *events))
    return row


def at_risk(*events: Event) -> list[AtRiskFamily]:
    return project(AtRiskFamily, on("family-f-1", ENROLLED, *events))


def paid(on: date, days_late: int, amount: str = "10", settled: tuple[Settled, ...] = ()) -> PaymentReceived:
    return PaymentReceived(
        family_id="f-1",
        amount=Decimal(amount),
        date=on,
        method="cash",
        days_late=days_late,
        settled=list(settled),
        owed=Decimal(0),
        credit=Decimal(0),
    )


def month(row: date, *events: Event) -> PaymentAnalytics:
    return next(each for each in project(PaymentAnalytics, *events) if each.month == row)


def facts(row: object, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


@pytest.mark.parametrize(("born", "age"), [((2016, 9, 1), 8), ((2016, 9, 2), 7), ((2016, 2, 29), 8)])
def test_the_oldest_child_is_as_old_as_on_the_day_when_the_last_one_was_added(
    born: tuple[int, int, int], age: int
) -> None:
    older = ChildAdded(family_id="f-1", child_name="Bo", birth_date=date(*born), date=date(2024, 8, 20))
    younger = ChildAdded(family_id="f-1", child_name="Mia", birth_date=date(2020, 1, 1), date=SEPTEMBER)
    row = family(older, younger)
    assert facts(row, "child_count", "child_names", "oldest_child_age") == (2, ["Bo", "Mia"], age)


def test_the_latest_contact_counts_and_of_one_day_the_one_told_last() -> None:
    for found in (
        family(contacted(3, "phone"), contacted(3, "visit"), contacted(2, "text")),
        *at_risk(scored(70), contacted(3, "phone"), contacted(3, "visit"), contacted(2, "text")),
    ):
        assert facts(found, "last_contact_date", "last_contact_method") == (date(2024, 9, 3), "visit")


def test_the_last_login_is_the_latest_in_whatever_order_they_are_told() -> None:
    times = [datetime(2024, 9, day, tzinfo=UTC) for day in (2, 5, 3)]
    row = family(*(LoginRecorded(family_id="f-1", logged_in_at=at) for at in times))
    assert row.last_login == times[1]


def test_the_attendance_rate_is_the_share_of_days_on_which_somebody_came() -> None:
    days = [AttendanceRecorded(family_id="f-1", date=SEPTEMBER, attended=came) for came in (True, False, True, True)]
    assert family().attendance_rate is None
    assert family(*days).attendance_rate == 0.75


def test_payments_make_the_average_of_days_late() -> None:
    row = family(charged(), PAID, paid(OCTOBER, 0))
    assert facts(row, "payment_count", "total_paid", "average_days_late", "last_payment_date") == (2, 140, 1.5, OCTOBER)


def test_every_event_of_the_family_leaves_its_version() -> None:
    assert family(charged(), PAID, scored(30)).event_version == 4


def test_a_family_that_was_never_enrolled_has_no_row() -> None:
    with pytest.raises(FoldError, match="only FamilyEnrolled begins one"):
        project(FamilyView, on("family-f-1", scored(30)))


def test_a_family_enters_at_seventy_with_what_was_known_before_and_leaves_below() -> None:
    assigned = CoordinatorAssigned(family_id="f-1", coordinator="Mae")
    assert at_risk(scored(69)) == []
    (row,) = at_risk(assigned, contacted(2, "text"), scored(70, 3))
    assert facts(row, "family_name", "coordinator", "last_contact_method", "preferred_channel") == (
        "Smith",
        "Mae",
        "text",
        "email",
    )
    assert at_risk(scored(70), scored(69)) == []


def test_a_family_is_on_the_list_since_it_entered_the_last_time() -> None:
    (row,) = at_risk(scored(90, 1), scored(10, 2), scored(70, 3), scored(80, 4, "no-login"))
    assert facts(row, "since", "risk_score", "risk_tier", "risk_factors") == (
        date(2024, 9, 3),
        80,
        "high",
        ["no-login"],
    )


def test_a_family_that_left_is_not_at_risk() -> None:
    left = FamilyWithdrawn(family_id="f-1", date=OCTOBER, reason="moved")
    assert at_risk(scored(90), left) == []
    assert family(left).status == "withdrawn"


@pytest.mark.parametrize(
    ("days_late", "average", "median"),
    [([4], 4, 4), ([9, 0], 4.5, 4.5), ([0, 30, 3], 11, 3), ([1, 0, 30, 1, 2, 0], 34 / 6, 1)],
)
def test_a_month_has_the_average_and_median_of_days_late(days_late: list[int], average: float, median: float) -> None:
    row = month(OCTOBER, *(paid(OCTOBER, days) for days in days_late))
    assert (row.average_days_late, row.median_days_late) == (average, median)


def test_a_payment_counts_in_its_own_month_and_settles_in_that_of_the_charge() -> None:
    settled = Settled(due_date=date(2024, 9, 5), amount=Decimal(100), in_full=True)
    events = (charged(), paid(OCTOBER, 26, "120", (settled,)))
    due, later = month(SEPTEMBER, *events), month(OCTOBER, *events)
    figures = ("active_families", "paid_on_time", "paid_late", "overdue", "expected", "outstanding", "collected")
    assert facts(due, *figures) == (1, 0, 1, 0, 100, 0, 0)
    assert facts(later, *figures) == (0, 0, 0, 0, 0, 0, 120)
    assert later.by_method == {"cash": 120}


def test_a_charge_is_overdue_until_its_last_part_is_paid_and_late_if_that_came_late() -> None:
    def part(amount: int, *, in_full: bool) -> tuple[Settled]:
        return (Settled(due_date=date(2024, 9, 5), amount=Decimal(amount), in_full=in_full),)

    begun = (charged(), paid(date(2024, 9, 4), 0, "60", part(60, in_full=False)))
    assert facts(month(SEPTEMBER, *begun), "overdue", "outstanding") == (1, 40)
    for on_day, on_time in ((5, 1), (6, 0)):
        rest = paid(date(2024, 9, on_day), on_day - 5, "40", part(40, in_full=True))
        assert facts(month(SEPTEMBER, *begun, rest), "paid_on_time", "paid_late") == (on_time, 1 - on_time)


def test_what_was_paid_in_advance_is_on_time() -> None:
    row = month(SEPTEMBER, charged(from_credit=100))
    assert facts(row, "paid_on_time", "overdue", "outstanding", "expected") == (1, 0, 0, 100)


def test_a_family_with_two_charges_in_a_month_is_active_once() -> None:
    assert month(SEPTEMBER, charged(), charged(first_of_month=False)).active_families == 1
