"""What happened at the co-op. Every event is a fact with its own date; money is exact, times are UTC."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from twofold import Event
from twofold.examples.coop.account import Settled
from twofold.examples.coop.risk import RiskFactor

Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"\S")]
Score = Annotated[int, Meta(ge=0, le=100)]
Channel = Literal["email", "phone", "text", "visit"]
Method = Literal["card", "transfer", "check", "cash"]


class FamilyEvent(Event):
    """It is in the family's own stream; that it names the family too lets a read model look the family up."""

    family_id: str


class FamilyEnrolled(FamilyEvent):
    family_name: str
    parent_name: str
    email: str
    phone: str
    preferred_channel: Channel
    enrollment_date: date


class ChildAdded(FamilyEvent):
    child_name: str
    birth_date: date
    date: date


class TuitionCharged(FamilyEvent):
    """Money is due. ``from_credit`` of it was paid in advance; ``first_of_month`` if nothing else is due in that month."""

    amount: Decimal
    due_date: date
    from_credit: Decimal
    first_of_month: bool


class PaymentReceived(FamilyEvent):
    """Money came in.

    The write model knows which charges it settles and how late it is, so the event says it: ``days_late`` counts from
    the due date of the oldest charge that was open, ``owed`` is left to pay, ``credit`` is left over.
    """

    amount: Decimal
    date: date
    method: Method
    days_late: int
    settled: list[Settled]
    owed: Decimal
    credit: Decimal


class ContactRecorded(FamilyEvent):
    date: date
    method: Channel
    notes: str


class LoginRecorded(FamilyEvent):
    logged_in_at: datetime


class VolunteerHoursLogged(FamilyEvent):
    hours: Decimal
    date: date
    activity: str


class AttendanceRecorded(FamilyEvent):
    date: date
    attended: bool


class EngagementScoreUpdated(FamilyEvent):
    engagement_score: int


class RiskScoreUpdated(FamilyEvent):
    risk_score: int
    risk_factors: list[RiskFactor]
    date: date


class CoordinatorAssigned(FamilyEvent):
    coordinator: str


class FamilyWithdrawn(FamilyEvent):
    date: date
    reason: str
