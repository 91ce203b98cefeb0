"""What the co-op shows of its money: one row per month, fed by every family's charges and payments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from twofold import Key, ReadModel, evolve
from twofold.examples.coop.events import PaymentReceived, TuitionCharged


def months_of(event: PaymentReceived) -> list[date]:
    """The months that a payment concerns: its own, and those in which what it settles was due."""
    days = [event.date, *(part.due_date for part in event.settled)]
    return list(dict.fromkeys(day.replace(day=1) for day in days))


class PaymentAnalytics(ReadModel):
    """One row per month in which anything was due or paid; a month is its first day.

    - ``active_families``: how many families have a charge due in the month.
    - Every charge due in the month is one of three: ``paid_on_time`` (its last part came on its due date or before,
      or in advance), ``paid_late`` (its last part came later), or ``overdue`` (a part of it is not paid).
    - ``expected``: the sum of the charges due in the month; ``outstanding``: what of it is not paid.
    - ``collected``: the sum of the payments dated in the month, whatever they were for; ``by_method`` divides it.
    - ``average_days_late`` and ``median_days_late``: over the payments dated in the month (see ``Account.days_late``); the
      median of an even number is the mean of the two in the middle.

    A payment settles the oldest due date first; what is left over pays the next charges on the day they are made.
    """

    month: Key[date]
    active_families: int = 0
    paid_on_time: int = 0
    paid_late: int = 0
    overdue: int = 0
    collected: Decimal = Decimal(0)
    expected: Decimal = Decimal(0)
    outstanding: Decimal = Decimal(0)
    payment_count: int = 0
    average_days_late: float | None = None
    median_days_late: float | None = None
    by_method: dict[str, Decimal] = {}
    payments_by_days_late: dict[int, int] = {}

    @evolve(key=lambda event: event.due_date.replace(day=1))
    def was_expected(self, event: TuitionCharged) -> None:
        is_paid = event.from_credit == event.amount
        self.active_families += event.first_of_month
        self.paid_on_time += is_paid
        self.overdue += not is_paid
        self.expected += event.amount
        self.outstanding += event.amount - event.from_credit

    @evolve(key=months_of)
    def was_paid(self, event: PaymentReceived) -> None:
        if event.date.replace(day=1) == self.month:
            self.collect(event)
        for part in event.settled:
            if part.due_date.replace(day=1) == self.month:
                self.outstanding -= part.amount
                if part.in_full:
                    self.settle(is_late=event.date > part.due_date)

    def collect(self, event: PaymentReceived) -> None:
        counts, by_method = self.payments_by_days_late, self.by_method
        self.collected += event.amount
        self.payment_count += 1
        by_method[event.method] = by_method.get(event.method, Decimal(0)) + event.amount
        counts[event.days_late] = counts.get(event.days_late, 0) + 1
        self.average_days_late = sum(days * count for days, count in counts.items()) / self.payment_count
        self.median_days_late = median_of(counts)

    def settle(self, *, is_late: bool) -> None:
        self.overdue -= 1
        self.paid_late += is_late
        self.paid_on_time += not is_late


def median_of(counts: Mapping[int, int]) -> float:
    """The median of values that occur so many times each."""
    total = sum(counts.values())
    middles = ((total - 1) // 2, total // 2)
    return sum(value_at(place, counts) for place in middles) / 2


def value_at(place: int, counts: Mapping[int, int]) -> int:
    """The value at a place, from 0, of all values in order."""
    for value in sorted(counts):
        place -= counts[value]
        if place < 0:
            return value
    raise IndexError(place)
