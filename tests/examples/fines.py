"""Road traffic fines as charges and payments: an aggregate and a read model on the co-op's account, for its real events."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from twofold import Aggregate, App, Command, Event, Key, ReadModel, decide, evolve
from twofold.examples.coop.account import NOTHING, Account, Settled
from twofold.examples.sending import Wish


class FineCommand(Command):
    case_id: str
    on: date


class SetFine(FineCommand):
    """The fine is so much from now on: when it is created, and again when a penalty comes on top."""

    amount: Decimal


class AddExpense(FineCommand):
    amount: Decimal


class PayFine(FineCommand):
    """``total`` is everything that was paid so far."""

    total: Decimal


class SendToCollection(FineCommand):
    pass


class TellMore(FineCommand):
    """What changes nothing about the money: a notification, an appeal."""

    what: str


class FineRaised(Event):
    """``amount`` is what came on top."""

    on: date
    amount: Decimal


class ExpenseAdded(Event):
    on: date
    amount: Decimal


class FinePaid(Event):
    on: date
    amount: Decimal
    settled: list[Settled]


class SentToCollection(Event):
    on: date
    owed: Decimal


class MoreTold(Event):
    on: date
    what: str


class Fine(Aggregate):
    case_id: Key[str]
    amount: Decimal = NOTHING
    paid: Decimal = NOTHING
    account: Account = Account()

    @decide
    def set_amount(self, command: SetFine) -> FineRaised:
        return FineRaised(on=command.on, amount=command.amount - self.amount)

    @decide
    def add_expense(self, command: AddExpense) -> ExpenseAdded:
        return ExpenseAdded.of(command)

    @decide
    def pay(self, command: PayFine) -> FinePaid | MoreTold:
        amount = command.total - self.paid
        if not amount:
            return MoreTold(on=command.on, what="paid on the same day, and counted with the other payment")
        return FinePaid(on=command.on, amount=amount, settled=list(self.account.settled_by(amount)))

    @decide
    def collect(self, command: SendToCollection) -> SentToCollection:
        return SentToCollection(on=command.on, owed=self.account.owed)

    @decide
    def tell_more(self, command: TellMore) -> MoreTold:
        return MoreTold.of(command)

    @evolve
    def was_raised(self, event: FineRaised) -> None:
        self.amount += event.amount
        self.account = self.account.charged(event.amount, event.on)

    @evolve
    def has_cost(self, event: ExpenseAdded) -> None:
        self.account = self.account.charged(event.amount, event.on)

    @evolve
    def was_paid(self, event: FinePaid) -> None:
        self.paid += event.amount
        self.account = self.account.paid(event.amount)


class FineView(ReadModel):
    """One row per case. ``settled`` is the part of ``paid`` that charges were open for."""

    case_id: Key[str]
    charged: Decimal = NOTHING
    paid: Decimal = NOTHING
    settled: Decimal = NOTHING
    open_charges: int = 0
    collected: bool = False

    @evolve
    def was_charged(self, event: FineRaised | ExpenseAdded) -> None:
        self.charged += event.amount
        self.open_charges += 1

    @evolve
    def was_paid(self, event: FinePaid) -> None:
        self.paid += event.amount
        self.settled += sum((part.amount for part in event.settled), NOTHING)
        self.open_charges -= sum(part.in_full for part in event.settled)

    @evolve
    def was_sent_to_collection(self, event: SentToCollection) -> None:
        self.collected = True


def fines(store: str) -> App:
    return App(Fine, FineView, store=store)


def wishes_of(path: Path) -> Iterator[Wish]:
    """A command for each event of the file, in its order; the cases are lanes."""
    for row in rows_of(path):
        yield Wish(f"fines:{row['.order']}", row["case_id"], _command(row))


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _command(row: dict[str, str]) -> Command:
    case_id, on = row["case_id"], date.fromisoformat(row["timestamp"])
    match row["activity"]:
        case "Create Fine" | "Add penalty":
            return SetFine(case_id=case_id, on=on, amount=Decimal(row["amount"]))
        case "Send Fine":
            return AddExpense(case_id=case_id, on=on, amount=Decimal(row["expense"]))
        case "Payment":
            return PayFine(case_id=case_id, on=on, total=Decimal(row["totalpaymentamount"]))
        case "Send for Credit Collection":
            return SendToCollection(case_id=case_id, on=on)
        case other:
            return TellMore(case_id=case_id, on=on, what=other)
