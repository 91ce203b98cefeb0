"""The co-op's rules as examples."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from twofold import Command
from twofold.examples.coop.account import Settled
from twofold.examples.coop.commands import (
    AddChild,
    AssignCoordinator,
    ChargeTuition,
    EnrollFamily,
    LogVolunteerHours,
    ReceivePayment,
    RecordAttendance,
    RecordContact,
    RecordLogin,
    UpdateEngagementScore,
    UpdateRiskScore,
    WithdrawFamily,
)
from twofold.examples.coop.events import (
    AttendanceRecorded,
    ChildAdded,
    ContactRecorded,
    CoordinatorAssigned,
    EngagementScoreUpdated,
    FamilyEnrolled,
    FamilyWithdrawn,
    LoginRecorded,
    PaymentReceived,
    RiskScoreUpdated,
    TuitionCharged,
    VolunteerHoursLogged,
)
from twofold.examples.coop.write_model import Family
from twofold.testing import given

FIRST, LATER = date(2024, 8, 20), date(2024, 9, 8)
DUE = date(2024, 9, 5)


def enroll(name: str = "Smith", parent: str = "Ann Smith", email: str = "ann@example.org") -> EnrollFamily:
    return EnrollFamily(family_id="f-1", family_name=name, parent_name=parent, email=email, enrollment_date=FIRST)


def pay(amount: str) -> ReceivePayment:
    return ReceivePayment(family_id="f-1", amount=Decimal(amount), date=LATER, method="card")


ENROLL, PAY = enroll(), pay("130")
ENROLLED = FamilyEnrolled.of(ENROLL)
ADD = AddChild(family_id="f-1", child_name="Bo", birth_date=date(2016, 3, 1), date=FIRST)
LEAVE = WithdrawFamily(family_id="f-1", date=LATER, reason="moved")
CHARGE = ChargeTuition(family_id="f-1", amount=Decimal(100), due_date=DUE)
LOG_IN = RecordLogin(family_id="f-1", logged_in_at=datetime(2024, 9, 8, 7, 30, tzinfo=UTC))
HELP = LogVolunteerHours(family_id="f-1", hours=Decimal("2.5"), date=LATER, activity="library")
RISK = UpdateRiskScore(family_id="f-1", risk_score=72, risk_factors=["late-payments"], date=LATER)

EVERYTHING: list[tuple[Command, type]] = [
    (ADD, ChildAdded),
    (CHARGE, TuitionCharged),
    (PAY, PaymentReceived),
    (RecordContact(family_id="f-1", date=LATER, method="phone", notes="all well"), ContactRecorded),
    (LOG_IN, LoginRecorded),
    (HELP, VolunteerHoursLogged),
    (RecordAttendance(family_id="f-1", date=LATER), AttendanceRecorded),
    (UpdateEngagementScore(family_id="f-1", engagement_score=64), EngagementScoreUpdated),
    (RISK, RiskScoreUpdated),
    (AssignCoordinator(family_id="f-1", coordinator="Mae"), CoordinatorAssigned),
    (LEAVE, FamilyWithdrawn),
]


PAID = PaymentReceived.of(
    PAY,
    days_late=3,
    settled=[Settled(due_date=DUE, amount=Decimal(100), in_full=True)],
    owed=Decimal(0),
    credit=Decimal(30),
)


def charged(*, from_credit: int = 0, first_of_month: bool = True) -> TuitionCharged:
    return TuitionCharged.of(CHARGE, from_credit=Decimal(from_credit), first_of_month=first_of_month)


def test_a_family_enrols_once() -> None:
    given(Family).when(ENROLL).then(ENROLLED)
    given(Family, ENROLLED).when(ENROLL).then_rejected("already-enrolled")


@pytest.mark.parametrize(("command", "event"), EVERYTHING, ids=lambda each: getattr(each, "__name__", ""))
def test_a_family_does_everything_while_it_is_here_and_nothing_before_or_after(command: Command, event: type) -> None:
    given(Family).when(command).then_rejected("not-enrolled")
    outcome = given(Family, ENROLLED).when(command)
    assert [type(happened) for happened in outcome.events] == [event]
    given(Family, ENROLLED, FamilyWithdrawn.of(LEAVE)).when(command).then_rejected("withdrawn")


EARLY = date(2024, 8, 19)


@pytest.mark.parametrize(
    "command",
    [
        AddChild(family_id="f-1", child_name="Bo", birth_date=EARLY, date=EARLY),
        ChargeTuition(family_id="f-1", amount=Decimal(1), due_date=EARLY),
        ReceivePayment(family_id="f-1", amount=Decimal(1), date=EARLY, method="cash"),
        RecordContact(family_id="f-1", date=EARLY, method="visit"),
        RecordLogin(family_id="f-1", logged_in_at=datetime(2024, 8, 19, 23, 59, tzinfo=UTC)),
        LogVolunteerHours(family_id="f-1", hours=Decimal(1), date=EARLY, activity="library"),
        RecordAttendance(family_id="f-1", date=EARLY),
        UpdateRiskScore(family_id="f-1", risk_score=1, date=EARLY),
        WithdrawFamily(family_id="f-1", date=EARLY),
    ],
    ids=lambda command: type(command).__name__,
)
def test_nothing_is_dated_before_the_enrollment(command: Command) -> None:
    given(Family, ENROLLED).when(command).then_rejected("before-enrollment")


@pytest.mark.parametrize("amount", ["0", "-0.01"])
def test_an_amount_is_more_than_nothing(amount: str) -> None:
    for command in (
        pay(amount),
        ChargeTuition(family_id="f-1", amount=Decimal(amount), due_date=DUE),
    ):
        given(Family, ENROLLED).when(command).then_rejected("not-positive")


def test_an_amount_is_whole_cents() -> None:
    given(Family, ENROLLED).when(pay("0.015")).then_rejected("not-cents")


def test_a_payment_says_what_it_settles_and_how_late_it_is() -> None:
    given(Family, ENROLLED, charged()).when(PAY).then(PAID)


def test_a_charge_says_what_was_paid_in_advance_and_whether_it_is_the_first_of_its_month() -> None:
    given(Family, ENROLLED, charged(), PAID).when(CHARGE).then(charged(from_credit=30, first_of_month=False))


@pytest.mark.parametrize(("hours", "accepted"), [("0", False), ("0.25", True), ("24", True), ("24.25", False)])
def test_a_day_has_twenty_four_hours(hours: str, accepted: bool) -> None:
    command = LogVolunteerHours(family_id="f-1", hours=Decimal(hours), date=LATER, activity="library")
    outcome = given(Family, ENROLLED).when(command)
    if accepted:
        outcome.then(VolunteerHoursLogged.of(command))
    else:
        outcome.then_rejected("impossible-hours")


def test_a_child_is_added_once_and_after_it_is_born() -> None:
    given(Family, ENROLLED, ChildAdded.of(ADD)).when(ADD).then_rejected("already-added")
    unborn = AddChild(family_id="f-1", child_name="Bo", birth_date=LATER, date=FIRST)
    given(Family, ENROLLED).when(unborn).then_rejected("not-born")


def test_a_risk_factor_counts_once() -> None:
    twice = UpdateRiskScore(family_id="f-1", risk_score=72, risk_factors=["no-login", "no-login"], date=LATER)
    given(Family, ENROLLED).when(twice).then_rejected("same-factor")


def test_assigning_the_same_coordinator_again_changes_nothing() -> None:
    assign = AssignCoordinator(family_id="f-1", coordinator="Mae")
    given(Family, ENROLLED, CoordinatorAssigned.of(assign)).when(assign).then_nothing()


@pytest.mark.parametrize(
    ("field", "command"),
    [
        ("family_name", enroll(name="")),
        ("parent_name", enroll(parent="  ")),
        ("email", enroll(email="at home")),
        ("amount", pay("NaN")),
        ("engagement_score", UpdateEngagementScore(family_id="f-1", engagement_score=101)),
        ("risk_score", UpdateRiskScore(family_id="f-1", risk_score=-1, date=LATER)),
        ("coordinator", AssignCoordinator(family_id="f-1", coordinator="")),
    ],
)
def test_what_breaks_a_constraint_is_refused_before_anybody_decides(field: str, command: Command) -> None:
    given(Family, ENROLLED).when(command).then_invalid(field)
