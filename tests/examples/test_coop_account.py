"""What somebody owes: charges and payments as pure values."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from twofold.examples.coop.account import Account, Charge, Settled

SEPTEMBER, OCTOBER = date(2024, 9, 5), date(2024, 10, 5)
HUNDRED = Decimal(100)
OWES_TWO = Account().charged(HUNDRED, SEPTEMBER).charged(HUNDRED, OCTOBER)


def settled(due_date: date, amount: str, *, in_full: bool) -> Settled:
    return Settled(due_date=due_date, amount=Decimal(amount), in_full=in_full)


def test_a_payment_settles_the_oldest_charge_first() -> None:
    assert list(OWES_TWO.settled_by(Decimal("150.50"))) == [
        settled(SEPTEMBER, "100", in_full=True),
        settled(OCTOBER, "50.50", in_full=False),
    ]
    assert OWES_TWO.paid(Decimal("150.50")) == Account((Charge(OCTOBER, Decimal("49.50")),))


def test_the_oldest_charge_is_that_with_the_oldest_due_date_whenever_it_was_made() -> None:
    assert Account().charged(HUNDRED, OCTOBER).charged(HUNDRED, SEPTEMBER) == OWES_TWO


def test_a_payment_is_late_by_the_days_since_the_oldest_open_charge_was_due() -> None:
    assert OWES_TWO.days_late(date(2024, 9, 8)) == 3
    assert OWES_TWO.days_late(date(2024, 9, 1)) == 0
    assert OWES_TWO.paid(HUNDRED).days_late(date(2024, 10, 6)) == 1
    assert Account().days_late(OCTOBER) == 0


def test_what_is_left_over_pays_the_next_charge() -> None:
    ahead = OWES_TWO.paid(Decimal(230))
    assert ahead == Account(credit=Decimal(30))
    assert ahead.is_settled
    assert ahead.covered(HUNDRED) == 30
    assert ahead.charged(HUNDRED, OCTOBER) == Account((Charge(OCTOBER, Decimal(70)),))
    assert ahead.charged(Decimal(20), OCTOBER) == Account(credit=Decimal(10))


def test_what_was_paid_is_either_settled_or_left_over() -> None:
    for amount in map(Decimal, ("0.01", "99.99", "100", "100.01", "199.99", "200", "500")):
        parts = sum(part.amount for part in OWES_TWO.settled_by(amount))
        after = OWES_TWO.paid(amount)
        assert parts + after.credit == amount
        assert OWES_TWO.owed - parts == after.owed
