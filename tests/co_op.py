"""A small co-op of families: aggregate, read models and questions, for the tests of the whole app."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from twofold import (
    Aggregate,
    App,
    Command,
    Event,
    Indexed,
    Key,
    Query,
    Reader,
    ReadModel,
    Rejected,
    answers,
    decide,
    evolve,
)


class EnrollFamily(Command):
    family_id: str
    family_name: Annotated[str, Meta(min_length=1)]
    enrollment_date: date


class ReceivePayment(Command):
    family_id: str
    amount: Decimal
    date: date


class FamilyEnrolled(Event):
    family_name: str
    enrollment_date: date


class PaymentReceived(Event):
    amount: Decimal
    date: date


class Family(Aggregate):
    family_id: Key[str]
    enrolled: bool = False
    paid: Decimal = Decimal(0)

    @decide
    def enroll(self, command: EnrollFamily) -> FamilyEnrolled:
        if self.enrolled:
            raise Rejected("already-enrolled", f"family {self.family_id} is already enrolled")
        return FamilyEnrolled.of(command)

    @decide
    def receive(self, command: ReceivePayment) -> PaymentReceived:
        return PaymentReceived.of(command)

    @evolve
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.enrolled = True

    @evolve
    def has_paid(self, event: PaymentReceived) -> None:
        self.paid += event.amount


class FamilyView(ReadModel):
    family_id: Key[str]
    family_name: Indexed[str] = ""
    total_paid: Decimal = Decimal(0)
    last_payment_date: date | None = None

    @evolve
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.family_name = event.family_name

    @evolve
    def has_paid(self, event: PaymentReceived) -> None:
        self.total_paid += event.amount
        self.last_payment_date = event.date


class PaymentsByMonth(ReadModel):
    month: Key[date]
    collected: Decimal = Decimal(0)

    @evolve(key=lambda event: event.date.replace(day=1))
    def was_collected(self, event: PaymentReceived) -> None:
        self.collected += event.amount


class GetFamily(Query[FamilyView | None]):
    family_id: str


class ListMonths(Query[list[PaymentsByMonth]]):
    pass


@answers
async def get_family(query: GetFamily, read: Reader) -> FamilyView | None:
    return await read.one(FamilyView, "where family_id = :id", id=query.family_id)


@answers
async def list_months(query: ListMonths, read: Reader) -> list[PaymentsByMonth]:
    return await read.all(PaymentsByMonth, "order by month")


PARTS = (Family, FamilyView, PaymentsByMonth, get_family, list_months)


def co_op(store: str, *, background: bool = True) -> App:
    """The app over a store."""
    return App(*PARTS, store=store, background=background)


def enroll(family_id: str, name: str = "Smith") -> EnrollFamily:
    return EnrollFamily(family_id=family_id, family_name=name, enrollment_date=date(2024, 9, 1))


def pay(family_id: str, amount: str, day: date = date(2024, 9, 15)) -> ReceivePayment:
    return ReceivePayment(family_id=family_id, amount=Decimal(amount), date=day)
