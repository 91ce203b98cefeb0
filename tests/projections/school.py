"""A small domain for the tests of read models: families of a school, and the months they pay in."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from twofold.messages import Event, Indexed, Key, Recorded, Registry, evolve
from twofold.projections import ReadModel


class FamilyEnrolled(Event):
    name: str


class ChildAdded(Event):
    name: str


class PaymentReceived(Event):
    amount: Decimal
    date: date
    method: str = "card"


class CourseBooked(Event):
    course: str
    families: list[str]


class FamilyView(ReadModel):
    family_id: Key[str]
    name: str
    total_paid: Decimal = Decimal(0)
    last_payment: date | None = None
    children: list[str] = []
    seen_at: int = 0
    tier: Indexed[str | None] = None

    @evolve
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.name = event.name

    @evolve
    def was_added(self, event: ChildAdded) -> None:
        self.children.append(event.name)

    @evolve
    def was_paid(self, event: Recorded[PaymentReceived]) -> None:
        self.total_paid += event.event.amount
        self.last_payment = event.event.date
        self.seen_at = event.position


class MonthView(ReadModel):
    month: Key[date]
    method: Key[str]
    collected: Decimal = Decimal(0)
    payments: int = 0

    @evolve(key=lambda event: (event.date.replace(day=1), event.method))
    def was_paid(self, event: PaymentReceived) -> None:
        self.collected += event.amount
        self.payments += 1


class BookingView(ReadModel):
    family: Key[str]
    courses: list[str] = []

    @evolve(key=lambda event: event.families)
    def was_booked(self, event: CourseBooked) -> None:
        self.courses.append(event.course)


EVENTS = (FamilyEnrolled, ChildAdded, PaymentReceived, CourseBooked)
MODELS = (FamilyView, MonthView, BookingView)
REGISTRY = Registry(events=EVENTS)


def paid(amount: str, month: int = 1, method: str = "card") -> PaymentReceived:
    return PaymentReceived(amount=Decimal(amount), date=date(2024, month, 15), method=method)
