"""The app that the command line is tested with: accounts, kept in a file of the working directory."""

from __future__ import annotations

from decimal import Decimal

from twofold import (
    Aggregate,
    App,
    Command,
    Event,
    Key,
    Query,
    Reader,
    ReadModel,
    Rejected,
    Tag,
    answers,
    decide,
    evolve,
)


class OpenAccount(Command):
    account_id: Key[str]
    owner: Tag[str]


class Withdraw(Command):
    account_id: Key[str]
    amount: Decimal


class Deposit(Command):
    account_id: Key[str]
    amount: Decimal


class AccountOpened(Event):
    owner: Tag[str]


class Deposited(Event):
    amount: Decimal


class Withdrawn(Event):
    amount: Decimal


class Account(Aggregate):
    account_id: Key[str]
    opened: bool = False
    balance: Decimal = Decimal(0)

    @decide
    def open(self, command: OpenAccount) -> AccountOpened | None:
        return None if self.opened else AccountOpened.of(command)

    @decide
    def deposit(self, command: Deposit) -> Deposited:
        return Deposited.of(command)

    @decide
    def withdraw(self, command: Withdraw) -> Withdrawn:
        if command.amount > self.balance:
            raise Rejected("overdrawn", "the balance is too low", balance=self.balance)
        return Withdrawn.of(command)

    @evolve
    def was_opened(self, event: AccountOpened) -> None:
        self.opened = True

    @evolve
    def was_deposited(self, event: Deposited) -> None:
        self.balance += event.amount

    @evolve
    def was_withdrawn(self, event: Withdrawn) -> None:
        self.balance -= event.amount


class AccountView(ReadModel):
    account_id: Key[str]
    owner: str = ""
    balance: Decimal = Decimal(0)

    @evolve
    def was_opened(self, event: AccountOpened) -> None:
        self.owner = event.owner

    @evolve
    def was_deposited(self, event: Deposited) -> None:
        if event.amount == 666:
            raise ValueError("a number that this view cannot take")
        self.balance += event.amount

    @evolve
    def was_withdrawn(self, event: Withdrawn) -> None:
        self.balance -= event.amount


class ListAccounts(Query[list[AccountView]]):
    balance_min: Decimal = Decimal(0)


class CountAccounts(Query[int]):
    """How many there are."""


@answers
async def list_accounts(query: ListAccounts, read: Reader) -> list[AccountView]:
    found = await read.all(AccountView, "order by account_id")
    return [row for row in found if row.balance >= query.balance_min]


@answers
async def count_accounts(query: CountAccounts, read: Reader) -> int:
    return await read.scalar(int, "select count(*) from account_view") or 0


app = App(Account, AccountView, list_accounts, count_accounts, store="sqlite:///bank.db")
strict = app.at(parked_max=0)  # Its read model stops at the first event that it cannot take.
