"""What one may ask of the co-op. A command that breaks a constraint below is refused before anybody decides on it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from twofold import Command
from twofold.examples.coop.events import Channel, Method, Name, Score
from twofold.examples.coop.risk import RiskFactor

Email = Annotated[str, Meta(max_length=200, pattern=r"^[^@\s]+@[^@\s]+$")]


class FamilyCommand(Command):
    family_id: Name


class EnrollFamily(FamilyCommand):
    family_name: Name
    parent_name: Name
    email: Email
    enrollment_date: date
    phone: str = ""
    preferred_channel: Channel = "email"


class AddChild(FamilyCommand):
    child_name: Name
    birth_date: date
    date: date


class ChargeTuition(FamilyCommand):
    amount: Decimal
    due_date: date


class ReceivePayment(FamilyCommand):
    amount: Decimal
    date: date
    method: Method


class RecordContact(FamilyCommand):
    date: date
    method: Channel
    notes: str = ""


class RecordLogin(FamilyCommand):
    logged_in_at: datetime


class LogVolunteerHours(FamilyCommand):
    hours: Decimal
    date: date
    activity: Name


class RecordAttendance(FamilyCommand):
    date: date
    attended: bool = True


class UpdateEngagementScore(FamilyCommand):
    engagement_score: Score


class UpdateRiskScore(FamilyCommand):
    risk_score: Score
    date: date
    risk_factors: list[RiskFactor] = []


class AssignCoordinator(FamilyCommand):
    coordinator: Name


class WithdrawFamily(FamilyCommand):
    date: date
    reason: str = ""
