"""A ledger whose balances are strong: accounts, transfers, and what must be in the rows when a command returns."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Annotated

from twofold import (
    Aggregate,
    App,
    Command,
    Event,
    Key,
    Query,
    Reader,
    ReadModel,
    answers,
    by,
    decide,
    decides,
    evolve,
    strong,
)

UNLUCKY = 13
"""No balance can take it."""


class Pay(Command):
    account: str
    amount: int


class Transfer(Command):
    source: str
    target: str
    amount: int


class Paid(Event):
    amount: int


class Account(Aggregate):
    account: Key[str]
    total: int = 0

    @decide
    def pay(self, command: Pay) -> Paid:
        return Paid.of(command)

    @evolve
    def was_paid(self, event: Paid) -> None:
        self.total += event.amount


@decides
def transfer(
    command: Transfer, source: Annotated[Account, by("source")], target: Annotated[Account, by("target")]
) -> Iterator[tuple[Account, Paid]]:
    yield source, Paid(amount=-command.amount)
    yield target, Paid(amount=command.amount)


@strong
class Balance(ReadModel):
    account: Key[str]
    total: int = 0
    payments: int = 0

    @evolve
    def was_paid(self, event: Paid) -> None:
        if event.amount == UNLUCKY:
            raise ValueError("an unlucky number")
        self.total += event.amount
        self.payments += 1


class Follower(ReadModel):
    """The same, following the log."""

    account: Key[str]
    total: int = 0

    @evolve
    def was_paid(self, event: Paid) -> None:
        self.total += event.amount


class Balances(Query[list[Balance]]):
    pass


class BalanceOf(Query[Balance | None]):
    account: str


class Sum(Query[int]):
    """All payments; the answer is kept."""


class Agreeing(Query[int]):
    """How many accounts hold the same total in both tables."""


@answers
async def balances(query: Balances, read: Reader) -> list[Balance]:
    return await read.all(Balance, "order by account")


@answers
async def balance_of(query: BalanceOf, read: Reader) -> Balance | None:
    return await read.one(Balance, "where account = :account", account=query.account)


@answers(cached=True)
async def sum_of_all(query: Sum, read: Reader) -> int:
    return await read.scalar(int, "select sum(payments) from balance") or 0


@answers
async def agreeing(query: Agreeing, read: Reader) -> int:
    found = "select count(*) from balance b join follower f on f.account = b.account and f.total = b.total"
    return await read.scalar(int, found) or 0


def bank(store: str, *, background: bool = True) -> App:
    """The whole app. Whoever comes after one that was killed waits for the end of its lease, so that it is a short one."""
    parts = Account, transfer, Balance, Follower, balances, balance_of, agreeing, sum_of_all
    return App(*parts, store=store, background=background, lease_seconds=0.4)


def without_balances(store: str) -> App:
    """Another version of the program, which knows nothing of balances."""
    return App(Account, transfer, Follower, store=store)


async def must_be_the_fold_of_the_log(app: App) -> None:
    """The balances, asked for without any waiting, are what all events of the log add up to."""
    totals: Counter[str] = Counter()
    payments: Counter[str] = Counter()
    async for recorded in app.events():
        assert isinstance(recorded.event, Paid)
        account = recorded.stream.partition("-")[2]
        totals[account] += recorded.event.amount
        payments[account] += 1
    found = await app.ask(Balances())
    assert found == [Balance(account=each, total=totals[each], payments=payments[each]) for each in sorted(payments)]


def transfer_until_killed(said: Connection, url: str) -> None:
    """Send transfers between few accounts from several tasks without end, and say each one that was acknowledged."""
    asyncio.run(_transfer_until_killed(said, url))


async def _transfer_until_killed(said: Connection, url: str) -> None:
    async with bank(url) as app, asyncio.TaskGroup() as callers:
        for number in range(8):
            callers.create_task(_transfer(app, said, number))


async def _transfer(app: App, said: Connection, number: int) -> None:
    for turn in itertools.count():
        receipt = await app.send(
            Transfer(source=f"a{(number + turn) % 5}", target=f"a{(number * turn) % 5}", amount=2 * turn)
        )
        said.send(receipt.position)


def rebuild_until_killed(said: Connection, url: str) -> None:
    """Build the balances anew without end, and say the number of each generation, before and after it serves."""
    asyncio.run(_rebuild_until_killed(said, url))


async def _rebuild_until_killed(said: Connection, url: str) -> None:
    async with bank(url, background=False) as app:
        while True:
            (built,) = await app.rebuild(Balance, tell=lambda progress: said.send((progress.number, "is built")))
            said.send((built.number, "serves"))
