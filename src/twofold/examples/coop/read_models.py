"""What the co-op shows of a family: all about it in one row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from twofold import Event, Key, ReadModel, Recorded, Searchable, by_stream, evolve, indexed
from twofold.examples.coop.events import (
    AttendanceRecorded,
    Channel,
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
from twofold.examples.coop.risk import RiskFactor, RiskTier, tier_of

Status = Literal["active", "withdrawn"]


@by_stream
@indexed("status")
@indexed("risk_tier", "risk_score desc")
@indexed("engagement_score desc")
class FamilyView(ReadModel):
    """One row per family.

    - ``enrollment_month``: the first day of the month of ``enrollment_date``.
    - ``oldest_child_age``: the whole years of the oldest child on the day when the last child was added.
    - ``last_payment_date``, ``last_login`` and ``last_contact_date`` are the latest ones, in whatever order they were told;
      ``last_contact_method`` is that of the latest, and of the one told last among those of one day.
    - ``owed``: all charges less all payments, at least 0.
    - ``average_days_late``: the mean of the days late over all payments (see ``Account.days_late``).
    - ``attendance_rate``: the share of the recorded days on which somebody came.
    - ``risk_tier``: ``risk.tier_of`` the newest score; a family begins at 0.
    - ``event_version`` and ``last_updated``: the version of the family's newest event, and when it was recorded.
    """

    family_id: Key[str]
    family_name: Searchable[str]
    parent_name: Searchable[str]
    email: str
    phone: str
    enrollment_date: date
    enrollment_month: date
    preferred_channel: Channel
    event_version: int
    last_updated: datetime
    status: Status = "active"
    child_count: int = 0
    child_names: Searchable[list[str]] = []
    oldest_birth_date: date | None = None
    oldest_child_age: int | None = None
    total_paid: Decimal = Decimal(0)
    owed: Decimal = Decimal(0)
    payment_count: int = 0
    last_payment_date: date | None = None
    days_late_sum: int = 0
    average_days_late: float | None = None
    engagement_score: int | None = None
    last_login: datetime | None = None
    volunteer_hours: Decimal = Decimal(0)
    days_recorded: int = 0
    days_attended: int = 0
    attendance_rate: float | None = None
    risk_score: int = 0
    risk_tier: RiskTier = "low"
    risk_factors: list[RiskFactor] = []
    last_contact_date: date | None = None
    last_contact_method: Channel | None = None
    coordinator: str | None = None

    @evolve(creates=True)
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.family_name, self.parent_name = event.family_name, event.parent_name
        self.email, self.phone, self.preferred_channel = event.email, event.phone, event.preferred_channel
        self.enrollment_date, self.enrollment_month = event.enrollment_date, event.enrollment_date.replace(day=1)

    @evolve
    def has_child(self, event: ChildAdded) -> None:
        self.child_count += 1
        self.child_names.append(event.child_name)
        self.oldest_birth_date = min(self.oldest_birth_date or event.birth_date, event.birth_date)
        self.oldest_child_age = years_between(self.oldest_birth_date, event.date)

    @evolve
    def was_charged(self, event: TuitionCharged) -> None:
        self.owed += event.amount - event.from_credit

    @evolve
    def has_paid(self, event: PaymentReceived) -> None:
        self.total_paid += event.amount
        self.owed = event.owed
        self.payment_count += 1
        self.last_payment_date = max(self.last_payment_date or event.date, event.date)
        self.days_late_sum += event.days_late
        self.average_days_late = self.days_late_sum / self.payment_count

    @evolve
    def was_contacted(self, event: ContactRecorded) -> None:
        if self.last_contact_date is None or event.date >= self.last_contact_date:
            self.last_contact_date, self.last_contact_method = event.date, event.method

    @evolve
    def logged_in(self, event: LoginRecorded) -> None:
        self.last_login = max(self.last_login or event.logged_in_at, event.logged_in_at)

    @evolve
    def has_volunteered(self, event: VolunteerHoursLogged) -> None:
        self.volunteer_hours += event.hours

    @evolve
    def has_attended(self, event: AttendanceRecorded) -> None:
        self.days_recorded += 1
        self.days_attended += event.attended
        self.attendance_rate = self.days_attended / self.days_recorded

    @evolve
    def was_engaged(self, event: EngagementScoreUpdated) -> None:
        self.engagement_score = event.engagement_score

    @evolve
    def was_assessed(self, event: RiskScoreUpdated) -> None:
        self.risk_score, self.risk_tier = event.risk_score, tier_of(event.risk_score)
        self.risk_factors = event.risk_factors

    @evolve
    def was_assigned(self, event: CoordinatorAssigned) -> None:
        self.coordinator = event.coordinator

    @evolve
    def has_left(self, event: FamilyWithdrawn) -> None:
        self.status = "withdrawn"

    @evolve(always=True)
    def was_changed(self, event: Recorded[Event]) -> None:
        self.event_version, self.last_updated = event.version, event.recorded_at


def years_between(birth: date, on: date) -> int:
    """Whole years of age on a day; the birthday counts."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
