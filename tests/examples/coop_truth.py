"""What must come out of a year of the co-op, computed from the commands with lists and loops, as the sentences of the read
models define it: no event, no fold and no function of the example is used. Money is whole cents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any, TypeAlias, TypeVar

from twofold import Command
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

Row: TypeAlias = dict[str, Any]
C = TypeVar("C", bound=Command)


@dataclass
class Charge:
    family_id: str
    due: date
    cents: int
    open: int
    settled_on: date | None = None


@dataclass
class Payment:
    on: date
    cents: int
    method: str
    days_late: int


class Truth:
    """``families``, ``at_risk`` and ``months`` are rows by key; ``refused`` counts the commands that are rejected."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self.refused = 0
        self.of_family: dict[str, list[Command]] = defaultdict(list)
        self.charges: list[Charge] = []
        self.payments: list[Payment] = []
        for command in commands:
            self._sort_in(command.family_id, command)  # type: ignore[attr-defined]  # Every command names its family.
        self.families = {family_id: self._family(family_id, told) for family_id, told in self.of_family.items()}
        at_risk = {family_id: at_risk_row(told) for family_id, told in self.of_family.items()}
        self.at_risk = {family_id: row for family_id, row in at_risk.items() if row is not None}
        days = [charge.due for charge in self.charges] + [payment.on for payment in self.payments]
        self.months = {month: self._month(month) for month in {month_of(day) for day in days}}

    def _sort_in(self, family_id: str, command: Command) -> None:
        told = self.of_family[family_id]
        if these(told, WithdrawFamily) or (isinstance(command, EnrollFamily) and told):
            self.refused += 1
        elif isinstance(command, AssignCoordinator) and last_coordinator(told) == command.coordinator:
            pass
        else:
            told.append(command)

    def _family(self, family_id: str, told: Sequence[Command]) -> Row:
        enrolled = these(told, EnrollFamily)[0]
        charges, payments = settle(family_id, told)
        self.charges += charges
        self.payments += payments
        return {
            "family_id": family_id,
            "family_name": enrolled.family_name,
            "parent_name": enrolled.parent_name,
            "email": enrolled.email,
            "phone": enrolled.phone,
            "enrollment_date": enrolled.enrollment_date,
            "enrollment_month": month_of(enrolled.enrollment_date),
            "preferred_channel": enrolled.preferred_channel,
            "event_version": len(told),
            "status": "withdrawn" if these(told, WithdrawFamily) else "active",
            **children(told),
            **money(charges, payments),
            **engagement(told),
            **risk(told),
            **contact(told),
        }

    def _month(self, month: date) -> Row:
        due = [charge for charge in self.charges if month_of(charge.due) == month]
        paid = [charge for charge in due if charge.settled_on is not None]
        on_time = [charge for charge in paid if charge.settled_on is not None and charge.settled_on <= charge.due]
        payments = [payment for payment in self.payments if month_of(payment.on) == month]
        late = [payment.days_late for payment in payments]
        return {
            "month": month,
            "active_families": len({charge.family_id for charge in due}),
            "paid_on_time": len(on_time),
            "paid_late": len(paid) - len(on_time),
            "overdue": len(due) - len(paid),
            "expected": amount(sum(charge.cents for charge in due)),
            "outstanding": amount(sum(charge.open for charge in due)),
            "collected": amount(sum(payment.cents for payment in payments)),
            "payment_count": len(payments),
            "by_method": {
                method: amount(sum(payment.cents for payment in payments if payment.method == method))
                for method in {payment.method for payment in payments}
            },
            "average_days_late": sum(late) / len(late) if late else None,
            "median_days_late": median(late) if late else None,
            "payments_by_days_late": {days: late.count(days) for days in late},
        }


def settle(family_id: str, told: Sequence[Command]) -> tuple[list[Charge], list[Payment]]:
    """The charges and payments of one family, with what became of them."""
    charges: list[Charge] = []
    payments: list[Payment] = []
    in_advance = 0
    for command in told:
        if isinstance(command, ChargeTuition):
            whole = cents(command.amount)
            charges.append(Charge(family_id, command.due_date, whole, max(whole - in_advance, 0)))
            if in_advance >= whole:
                charges[-1].settled_on = date.min
            in_advance = max(in_advance - whole, 0)
        elif isinstance(command, ReceivePayment):
            still_open = [charge for charge in charges if charge.open]
            since = min((charge.due for charge in still_open), default=command.date)
            days_late = max((command.date - since).days, 0)
            payments.append(Payment(command.date, cents(command.amount), command.method, days_late))
            in_advance += pay(still_open, cents(command.amount), command.date)
    return charges, payments


def pay(still_open: list[Charge], left: int, on: date) -> int:
    """Pay charges, the oldest due date first; what is left over."""
    while left and still_open:
        oldest = min(still_open, key=lambda charge: charge.due)
        part = min(left, oldest.open)
        left -= part
        oldest.open -= part
        if oldest.open == 0:
            oldest.settled_on = on
            still_open.remove(oldest)
    return left


def children(told: Sequence[Command]) -> Row:
    added = these(told, AddChild)
    oldest = min((child.birth_date for child in added), default=None)
    return {
        "child_count": len(added),
        "child_names": [child.child_name for child in added],
        "oldest_birth_date": oldest,
        "oldest_child_age": birthdays(oldest, added[-1].date) if oldest else None,
    }


def birthdays(birth: date, until: date) -> int:
    """Years of age, by counting birthdays; one on 29 February is on 1 March in other years."""
    count = 0
    for year in range(birth.year + 1, until.year + 1):
        leaps = (birth.month, birth.day) == (2, 29)
        birthday = date(year, 3, 1) if leaps and year % 4 else birth.replace(year=year)
        count += birthday <= until
    return count


def money(charges: Sequence[Charge], payments: Sequence[Payment]) -> Row:
    late = [payment.days_late for payment in payments]
    return {
        "total_paid": amount(sum(payment.cents for payment in payments)),
        "owed": amount(sum(charge.open for charge in charges)),
        "payment_count": len(payments),
        "last_payment_date": max((payment.on for payment in payments), default=None),
        "days_late_sum": sum(late),
        "average_days_late": sum(late) / len(late) if late else None,
    }


def engagement(told: Sequence[Command]) -> Row:
    came = [day.attended for day in these(told, RecordAttendance)]
    scores = [each.engagement_score for each in these(told, UpdateEngagementScore)]
    return {
        "engagement_score": scores[-1] if scores else None,
        "last_login": max((each.logged_in_at for each in these(told, RecordLogin)), default=None),
        "volunteer_hours": sum((each.hours for each in these(told, LogVolunteerHours)), Decimal(0)),
        "days_recorded": len(came),
        "days_attended": came.count(True),
        "attendance_rate": came.count(True) / len(came) if came else None,
    }


def risk(told: Sequence[Command]) -> Row:
    scored = these(told, UpdateRiskScore)
    score = scored[-1].risk_score if scored else 0
    tier = ["low", "medium", "high", "critical"][(score >= 40) + (score >= 70) + (score >= 85)]
    return {"risk_score": score, "risk_tier": tier, "risk_factors": scored[-1].risk_factors if scored else []}


def contact(told: Sequence[Command]) -> Row:
    contacts = sorted(these(told, RecordContact), key=lambda each: each.date)
    return {
        "last_contact_date": contacts[-1].date if contacts else None,
        "last_contact_method": contacts[-1].method if contacts else None,
        "coordinator": last_coordinator(told),
    }


def last_coordinator(told: Sequence[Command]) -> str | None:
    assigned = [each.coordinator for each in these(told, AssignCoordinator)]
    return assigned[-1] if assigned else None


def at_risk_row(told: Sequence[Command]) -> Row | None:
    scored = these(told, UpdateRiskScore)
    if these(told, WithdrawFamily) or not scored or scored[-1].risk_score < 70:
        return None
    below = [index for index, each in enumerate(scored) if each.risk_score < 70]
    score, factors = scored[-1].risk_score, scored[-1].risk_factors
    grave = score >= 85 or "complaint" in factors
    remedies = {
        "late-payments": "payment plan",
        "low-attendance": "family meeting",
        "low-engagement": "mentor family",
    }
    fitting = [remedy for factor, remedy in remedies.items() if factor in factors]
    enrolled = these(told, EnrollFamily)[0]
    return {
        "family_id": enrolled.family_id,
        "family_name": enrolled.family_name,
        "preferred_channel": enrolled.preferred_channel,
        "since": scored[below[-1] + 1 if below else 0].date,
        "recommended_intervention": "executive call" if grave else [*fitting, "check-in call"][0],
        "priority": "urgent" if grave else "high" if len(factors) > 2 else "normal",
        "days_until_predicted_withdrawal": max(int(365 * (100 - score) / 100) - 7 * len(factors), 7),
        **risk(told),
        **contact(told),
    }


def these(told: Sequence[Command], kind: type[C]) -> list[C]:
    return [command for command in told if isinstance(command, kind)]


def month_of(day: date) -> date:
    return date(day.year, day.month, 1)


def cents(money: Decimal) -> int:
    return int(money * 100)


def amount(cents: int) -> Decimal:
    return Decimal(cents) / 100
