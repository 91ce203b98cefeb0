"""What every claim writes: payments of families (one stream each), and items taken by customers (a boundary over two tags)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from twofold import Aggregate, Boundary, Command, Event, Key, Tag, decide, evolve, snapshots

A_DAY = date(2026, 3, 1)
AN_AMOUNT = Decimal("149.50")


class EnrollFamily(Command):
    family_id: str
    family_name: str


class ReceivePayment(Command):
    family_id: str
    amount: Decimal
    date: date
    method: str


class ReceiveInstalments(Command):
    """Many payments at once: one append of ``count`` events."""

    family_id: str
    amount: Decimal
    date: date
    method: str
    count: int


class FamilyEnrolled(Event):
    family_name: str


class PaymentReceived(Event):
    amount: Decimal
    date: date
    method: str


class Family(Aggregate):
    family_id: Key[str]
    enrolled: bool = False
    total_paid: Decimal = Decimal(0)
    last_payment_date: date | None = None

    @decide
    def enroll(self, command: EnrollFamily) -> FamilyEnrolled:
        return FamilyEnrolled.of(command)

    @decide
    def receive(self, command: ReceivePayment) -> PaymentReceived:
        return PaymentReceived.of(command)

    @decide
    def receive_many(self, command: ReceiveInstalments) -> list[PaymentReceived]:
        return [PaymentReceived.of(command) for _ in range(command.count)]

    @evolve
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.enrolled = True

    @evolve
    def was_paid(self, event: PaymentReceived) -> None:
        self.total_paid += event.amount
        self.last_payment_date = event.date


class KeepPayment(Command):
    """The same payments, for the aggregate that keeps snapshots."""

    keeper_id: str
    amount: Decimal
    date: date
    method: str
    count: int


@snapshots(every=500)
class Keeper(Aggregate):
    """A family in all but name, with snapshots."""

    keeper_id: Key[str]
    total_paid: Decimal = Decimal(0)
    last_payment_date: date | None = None

    @decide
    def keep(self, command: KeepPayment) -> list[PaymentReceived]:
        return [PaymentReceived.of(command) for _ in range(command.count)]

    @evolve
    def was_paid(self, event: PaymentReceived) -> None:
        self.total_paid += event.amount
        self.last_payment_date = event.date


class TakeItems(Command):
    customer_id: str
    item: str
    quantity: int


class ItemsTaken(Event):
    customer_id: Tag[str]
    item: Tag[str]
    quantity: int


class Holding(Boundary):
    """What a customer holds of an item: every event tagged with both."""

    customer_id: Key[str]
    item: Key[str]
    held: int = 0

    @decide
    def take(self, command: TakeItems) -> ItemsTaken:
        return ItemsTaken.of(command)

    @evolve
    def was_taken(self, event: ItemsTaken) -> None:
        self.held += event.quantity


def payment(family_id: str) -> ReceivePayment:
    return ReceivePayment(family_id=family_id, amount=AN_AMOUNT, date=A_DAY, method="card")


def instalments(family_id: str, count: int) -> ReceiveInstalments:
    return ReceiveInstalments(family_id=family_id, amount=AN_AMOUNT, date=A_DAY, method="card", count=count)


def kept(keeper_id: str, count: int) -> KeepPayment:
    return KeepPayment(keeper_id=keeper_id, amount=AN_AMOUNT, date=A_DAY, method="card", count=count)


def taken(customer_id: str, item: str) -> TakeItems:
    return TakeItems(customer_id=customer_id, item=item, quantity=1)
