"""What the simulated processes do: accounts and their owners, with read models of every shape."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator, Sequence
from typing import Annotated

from twofold.deciders import Aggregate, decide, decides
from twofold.errors import Rejected
from twofold.messages import Command, Event, Indexed, Key, Recorded, by, evolve
from twofold.parts import sort_parts
from twofold.projections import REMOVED, ReadModel, Removed, Writer, projects

MENDED: contextvars.ContextVar[bool] = contextvars.ContextVar("MENDED", default=False)
"""Whether the code that runs here is that of after the mistake: its folds can take bad events."""


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


class BadError(Exception):
    """A mistake in a fold, which shows at some events."""


def refuse_bad(bad: bool) -> None:
    if bad and not MENDED.get():
        raise BadError


class AccountView(ReadModel):
    """Begun and removed by events; every event leaves its mark, so that one skipped, doubled or out of turn shows."""

    account_id: Key[str]
    balance: int = 0
    mark: int = 0

    @evolve(creates=True)
    def was_opened(self, event: Opened) -> None:
        self.balance = 0

    @evolve
    def received(self, event: Deposited) -> None:
        self.balance += event.amount
        refuse_bad(event.bad)

    @evolve
    def paid(self, event: Withdrawn) -> None:
        self.balance -= event.amount

    @evolve
    def was_closed(self, event: Closed) -> Removed:
        return REMOVED

    @evolve(always=True)
    def was_seen(self, event: Recorded[Event]) -> None:
        self.mark = (self.mark * 31 + event.position) % 1_000_003


class Flow(ReadModel):
    """Two rows from each event."""

    kind: Key[str]
    total: int = 0
    mark: int = 0

    @evolve(key=lambda recorded: [f"small-{recorded.event.amount % 2}", "all"])
    def came_in(self, recorded: Recorded[Deposited]) -> None:
        self.total += recorded.event.amount
        self.mark = (self.mark * 31 + recorded.position) % 1_000_003

    @evolve(key=lambda event: ["all"])
    def went_out(self, recorded: Recorded[Withdrawn]) -> None:
        self.total -= recorded.event.amount
        self.mark = (self.mark * 31 + recorded.position) % 1_000_003


class Statement(ReadModel):
    """All rows of an owner are changed by one event."""

    account_id: Key[str]
    owner: Indexed[str]
    heading: str = ""

    @evolve(creates=True)
    def was_opened(self, event: Opened) -> None:
        self.owner, self.heading = event.owner, ""

    @evolve(where="owner", key=lambda event: event.owner_id)
    def was_renamed(self, event: Renamed) -> None:
        self.heading += event.name
        refuse_bad(event.bad)


class OwnerView(ReadModel):
    owner_id: Key[str]
    name: str = "?"
    names: int = 0

    @evolve
    def was_renamed(self, event: Renamed) -> None:
        self.name, self.names = event.name, self.names + 1


class Opening(ReadModel):
    """Looks up the owner as he was called at that moment."""

    account_id: Key[str]
    owners: str = ""

    @evolve
    def was_opened(self, event: Opened, owner: Annotated[OwnerView | None, by("owner")]) -> None:
        self.owners += f"{owner.name if owner else '-'}/{owner.names if owner else 0} "


class Closings(ReadModel):
    """Cares for few events."""

    everybody: Key[str]
    positions: list[int] = []

    @evolve(key=lambda event: "everybody")
    def was_closed(self, recorded: Recorded[Closed]) -> None:
        self.positions.append(recorded.position)


@projects("journal", schema="create table journal (position bigint)")
async def journal(events: Sequence[Recorded[Opened] | Recorded[Withdrawn] | Recorded[Closed]], write: Writer) -> None:
    for event in events:
        await write.execute("insert into journal values (:position)", position=event.position)


PARTS = sort_parts([Account, Owner, transfer, AccountView, Flow, Statement, OwnerView, Opening, Closings, journal])
