"""A small bank: accounts, transfers and a limit over all accounts of a customer; what the tests of deciders decide on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from twofold.deciders import Aggregate, Boundary, Receipt, decide, decides, snapshots
from twofold.deciders.decision import Decision, by_command, decision_over, decisions_of, definition_of
from twofold.deciders.handling import Handling
from twofold.deciders.states import States
from twofold.errors import Rejected
from twofold.messages import Command, Context, Event, Key, Recorded, Registry, Tag, by, evolve
from twofold.store.appender import Appender
from twofold.store.port import EventStore, SnapshotStore

OPEN_MAX = 2


class OpenAccount(Command):
    account_id: str
    customer_id: str


class Deposit(Command):
    account_id: str
    amount: int


class CloseIfEmpty(Command):
    account_id: str


class Transfer(Command):
    source_id: str
    target_id: str
    amount: int


class AccountOpened(Event):
    account_id: Tag[str]
    customer_id: Tag[str]


class Credited(Event):
    amount: int


class Debited(Event):
    amount: int


class Closed(Event):
    pass


class Accounts(Boundary):
    """All accounts of one customer, at most two."""

    customer_id: Key[str]
    open: int = 0

    @decide
    def open_one(self, command: OpenAccount) -> AccountOpened:
        if self.open >= OPEN_MAX:
            raise Rejected("too-many", "too many accounts", open=self.open)
        return AccountOpened.of(command)

    @evolve
    def was_opened(self, event: AccountOpened) -> None:
        self.open += 1


@snapshots(every=10)
class Account(Aggregate):
    account_id: Key[str]
    balance: int = 0
    closed_at: int = 0

    @decide
    def deposit(self, command: Deposit) -> Credited:
        if self.closed_at:
            raise Rejected("closed", "the account is closed", closed_at=self.closed_at)
        return Credited.of(command)

    @decide
    def close(self, command: CloseIfEmpty) -> Closed | None:
        return None if self.balance or self.closed_at else Closed()

    @evolve
    def was_credited(self, event: Credited) -> None:
        self.balance += event.amount

    @evolve
    def was_debited(self, event: Debited) -> None:
        self.balance -= event.amount

    @evolve
    def was_closed(self, recorded: Recorded[Closed]) -> None:
        self.closed_at = recorded.position


@decides
def transfer(
    command: Transfer,
    source: Annotated[Account, by("source_id")],
    target: Annotated[Account, by("target_id")],
) -> Iterator[tuple[Account, Credited | Debited]]:
    if source.balance < command.amount:
        raise Rejected("no-money", "not enough money", balance=source.balance)
    yield source, Debited.of(command)
    yield target, Credited.of(command)


ACCOUNT = definition_of(Account)
ACCOUNTS = definition_of(Accounts)
DECISIONS: Mapping[type[Command], Decision] = by_command(
    [*decisions_of(ACCOUNT), *decisions_of(ACCOUNTS), decision_over(transfer, {Account: ACCOUNT})]
)
REGISTRY = Registry(events=[AccountOpened, Credited, Debited, Closed], commands=list(DECISIONS))


class TickingClock:
    """A clock that goes on by a second whenever somebody looks."""

    def __init__(self) -> None:
        self.at = datetime(2020, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class Bank:
    """One process of the bank: its own memory over a log that others write to as well."""

    def __init__(self, log: EventStore, snapshots: SnapshotStore | None = None, *, attempts_max: int = 100) -> None:
        self.log = log
        self.states = States(log, REGISTRY, snapshots)
        self.appender = Appender(log)
        self.attempts_max = attempts_max
        self.clock = TickingClock()

    async def send(self, command: Command, command_id: str | None = None, **context: Any) -> Receipt:
        handling = Handling(
            DECISIONS,
            states=self.states,
            appender=self.appender,
            store=self.log,
            registry=REGISTRY,
            clock=self.clock,
            head=await self.log.head(),
            attempts_max=self.attempts_max,
        )
        return await handling.handle(command, command_id, Context(**context))

    async def balance(self, account_id: str) -> int:
        account: Account = (await self.states.current(ACCOUNT.subject([account_id]))).value
        return account.balance
