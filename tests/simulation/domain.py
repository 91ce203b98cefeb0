"""What is done and said in a simulated world: accounts and their owners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from twofold.deciders import Aggregate, decide, decides
from twofold.errors import Rejected
from twofold.messages import Command, Event, Key, by, evolve


class Opened(Event):
    owner: str


class Deposited(Event):
    amount: int
    bad: bool = False


class Withdrawn(Event):
    amount: int


class Closed(Event):
    pass


class Renamed(Event):
    """In the stream of an owner."""

    owner_id: str
    name: str
    bad: bool = False


class Open(Command):
    account_id: str
    owner: str


class Deposit(Command):
    account_id: str
    amount: int
    bad: bool = False


class Withdraw(Command):
    account_id: str
    amount: int


class Close(Command):
    account_id: str


class Transfer(Command):
    source_id: str
    target_id: str
    amount: int


class Rename(Command):
    owner_id: str
    name: str
    bad: bool = False


class Account(Aggregate):
    account_id: Key[str]
    is_open: bool = False
    balance: int = 0

    @decide
    def open(self, command: Open) -> Opened:
        if self.is_open:
            raise Rejected("open", "it is open already")
        return Opened.of(command)

    @decide
    def deposit(self, command: Deposit) -> Deposited:
        self.require(0)
        return Deposited.of(command)

    @decide
    def withdraw(self, command: Withdraw) -> Withdrawn:
        self.require(command.amount)
        return Withdrawn.of(command)

    @decide
    def close(self, command: Close) -> Closed:
        self.require(0)
        return Closed()

    def require(self, amount: int) -> None:
        if not self.is_open or self.balance < amount:
            raise Rejected("no", "it is closed, or has too little")

    @evolve
    def was_opened(self, event: Opened) -> None:
        self.is_open, self.balance = True, 0

    @evolve
    def received(self, event: Deposited) -> None:
        self.balance += event.amount

    @evolve
    def paid(self, event: Withdrawn) -> None:
        self.balance -= event.amount

    @evolve
    def was_closed(self, event: Closed) -> None:
        self.is_open = False


class Owner(Aggregate):
    owner_id: Key[str]

    @decide
    def rename(self, command: Rename) -> Renamed:
        return Renamed.of(command)


@decides
def transfer(
    command: Transfer, source: Annotated[Account, by("source_id")], target: Annotated[Account, by("target_id")]
) -> Iterator[tuple[Account, Withdrawn | Deposited]]:
    source.require(command.amount)
    target.require(0)
    yield source, Withdrawn(amount=command.amount)
    yield target, Deposited(amount=command.amount)


WRITE_SIDE = (Account, Owner, transfer)
