"""A small domain for the tests of the test tools: accounts, transfers, seats and two views."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from twofold.deciders import Aggregate, Boundary, decide, decides
from twofold.errors import Rejected
from twofold.messages import Command, Event, Key, Recorded, Tag, by, evolve
from twofold.projections import ReadModel


class OpenAccount(Command):
    account_id: str


class PayIn(Command):
    account_id: Annotated[str, Meta(min_length=1)]
    amount: Decimal


class Transfer(Command):
    source_id: str
    target_id: str
    amount: Decimal


class AccountOpened(Event):
    pass


class PaidIn(Event):
    amount: Decimal


class PaidOut(Event):
    amount: Decimal


class Account(Aggregate):
    account_id: Key[str]
    opened: bool = False
    balance: Decimal = Decimal(0)

    @decide
    def open(self, command: OpenAccount) -> AccountOpened | None:
        return None if self.opened else AccountOpened()

    @decide
    def pay_in(self, command: PayIn) -> PaidIn:
        if not self.opened:
            raise Rejected("not-open", "the account is not open", account=self.account_id)
        return PaidIn.of(command)

    @evolve
    def was_opened(self, event: AccountOpened) -> None:
        self.opened = True

    @evolve
    def moved(self, event: PaidIn | PaidOut) -> None:
        self.balance += event.amount if isinstance(event, PaidIn) else -event.amount


@decides
def transfer(
    command: Transfer, source: Annotated[Account, by("source_id")], target: Annotated[Account, by("target_id")]
) -> Iterator[tuple[Account, PaidIn | PaidOut]]:
    if source.balance < command.amount:
        raise Rejected("not-covered", "too little on the account", balance=source.balance)
    yield source, PaidOut.of(command)
    yield target, PaidIn.of(command)


class TakeSeat(Command):
    show: str
    guest: str


class SeatTaken(Event):
    show: Tag[str]
    guest: Tag[str]


class Seats(Boundary):
    show: Key[str]
    taken: int = 0

    @decide
    def take(self, command: TakeSeat) -> SeatTaken:
        if self.taken >= 2:
            raise Rejected("sold-out", "no seat is left", taken=self.taken)
        return SeatTaken.of(command)

    @evolve
    def was_taken(self, event: SeatTaken) -> None:
        self.taken += 1


class AccountView(ReadModel):
    account_id: Key[str]
    balance: Decimal = Decimal(0)
    last_at: datetime | None = None

    @evolve
    def was_opened(self, event: AccountOpened) -> None:
        pass

    @evolve
    def was_paid(self, event: Recorded[PaidIn]) -> None:
        self.balance += event.event.amount
        self.last_at = event.recorded_at


class GuestView(ReadModel):
    guest: Key[str]
    seats: int = 0

    @evolve
    def took(self, event: SeatTaken) -> None:
        self.seats += 1
