"""What somebody owes: charges with due dates, and payments that settle them. Pure values, no clock and no database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from twofold.messages import Message

NOTHING = Decimal(0)


class Settled(Message):
    """The part of a payment that went to one charge; ``in_full`` if nothing of the charge is left."""

    due_date: date
    amount: Decimal
    in_full: bool


class Charge(Struct, frozen=True):
    """What is still open of a charge."""

    due_date: date
    open: Decimal


class Account(Struct, frozen=True):
    """The charges that are open, oldest due date first, and what was paid in advance. One of the two is empty."""

    charges: tuple[Charge, ...] = ()
    credit: Decimal = NOTHING

    @property
    def owed(self) -> Decimal:
        return sum((charge.open for charge in self.charges), NOTHING)

    @property
    def is_settled(self) -> bool:
        return not self.charges

    def covered(self, amount: Decimal) -> Decimal:
        """How much of a new charge was paid in advance."""
        return min(amount, self.credit)

    def charged(self, amount: Decimal, due_date: date) -> Account:
        """The account with one more charge. What was paid in advance pays it first."""
        covered = self.covered(amount)
        charge = Charge(due_date, amount - covered)
        charges = (*self.charges, charge) if charge.open else self.charges
        return Account(tuple(sorted(charges, key=lambda each: each.due_date)), self.credit - covered)

    def days_late(self, on: date) -> int:
        """How late a payment on that day is: days since the due date of the oldest open charge, at least 0."""
        return max((on - self.charges[0].due_date).days, 0) if self.charges else 0

    def settled_by(self, amount: Decimal) -> Iterator[Settled]:
        """Which charges a payment settles, the oldest first."""
        for charge in self.charges:
            part = min(amount, charge.open)
            if part:
                yield Settled(due_date=charge.due_date, amount=part, in_full=part == charge.open)
            amount -= part

    def paid(self, amount: Decimal) -> Account:
        """The account after a payment. What nothing is open for stays as credit."""
        left: list[Charge] = []
        for charge in self.charges:
            part = min(amount, charge.open)
            amount -= part
            if part < charge.open:
                left.append(replace(charge, open=charge.open - part))
        return Account(tuple(left), self.credit + amount)
