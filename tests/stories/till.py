"""A shop with a few tills, and a process that works at them until it is killed."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Annotated, Literal, TypeAlias

from twofold import Aggregate, App, Command, Event, Key, ReadModel, by, decide, decides, evolve

CASHIERS = 8
TILLS = 5

Acknowledged: TypeAlias = tuple[str, int, int]
"""A command id, and the first and last position of its events."""


class RingUp(Command):
    till: str
    amounts: list[int]


class MoveCash(Command):
    source: str
    target: str
    amount: int


class RangUp(Event):
    amount: int


class CashMoved(Event):
    amount: int


class Till(Aggregate):
    till: Key[str]
    cash: int = 0

    @decide
    def ring_up(self, command: RingUp) -> list[RangUp]:
        return [RangUp(amount=amount) for amount in command.amounts]

    @evolve
    def changed(self, event: RangUp | CashMoved) -> None:
        self.cash += event.amount


@decides
def move_cash(
    command: MoveCash, source: Annotated[Till, by("source")], target: Annotated[Till, by("target")]
) -> Iterator[tuple[Till, CashMoved]]:
    yield source, CashMoved(amount=-command.amount)
    yield target, CashMoved(amount=command.amount)


class TillView(ReadModel):
    till: Key[str]
    cash: int = 0
    changes: int = 0

    @evolve
    def changed(self, event: RangUp | CashMoved) -> None:
        self.cash += event.amount
        self.changes += 1


class SalesByAmount(ReadModel):
    amount: Key[int]
    count: int = 0

    @evolve
    def sold(self, event: RangUp) -> None:
        self.count += 1


LEASE_SECONDS = 0.4
"""Of the workers here: they are killed and frozen all the time."""


def shop(url: str, reads: str | None = None, *, background: bool | Literal["shared"] = True) -> App:
    return App(
        Till,
        move_cash,
        TillView,
        SalesByAmount,
        store=url,
        reads=reads,
        background=background,
        lease_seconds=LEASE_SECONDS,
    )


def command_of(command_id: str) -> Command:
    """The command that goes by this id: always the same, so that it can be sent again."""
    chance = zlib.crc32(command_id.encode())
    source, amount = chance % TILLS, chance % 7 + 1
    if chance % 3 == 0:
        return MoveCash(source=f"t{source}", target=f"t{(source + 1) % TILLS}", amount=amount)
    return RingUp(till=f"t{source}", amounts=[amount + item for item in range(chance % 4)])


def amounts_of(command_id: str) -> list[int]:
    """What its events say, in order."""
    command = command_of(command_id)
    if isinstance(command, MoveCash):
        return [-command.amount, command.amount]
    return command.amounts if isinstance(command, RingUp) else []


def work(said: Connection, url: str, day: int) -> None:
    """Send commands without end, and say each that was acknowledged."""
    asyncio.run(_work(said, url, day))


async def _work(said: Connection, url: str, day: int) -> None:
    async with shop(url) as app, asyncio.TaskGroup() as cashiers:
        for cashier in range(CASHIERS):
            cashiers.create_task(_work_at_till(app, said, f"{day}-{cashier}"))


async def _work_at_till(app: App, said: Connection, cashier: str) -> None:
    for number in itertools.count():
        command_id = f"{cashier}-{number}"
        receipt = await app.send(command_of(command_id), command_id=command_id)
        said.send((command_id, receipt.first, receipt.position))


def fold(said: Connection, url: str, reads: str | None) -> None:
    """Run the read models page by page without end, and say when that has begun and when a page is done."""
    asyncio.run(_fold(said, url, reads))


async def _fold(said: Connection, url: str, reads: str | None) -> None:
    async with shop(url, reads, background=False) as app:
        while True:
            said.send("begun")
            await app.engine.step()


def follow(said: Connection, url: str, background: bool | Literal["shared"]) -> None:
    """Be a worker, or run everything, without end; say who one is."""
    asyncio.run(_follow(said, url, background))


async def _follow(said: Connection, url: str, background: bool | Literal["shared"]) -> None:
    async with shop(url, background=background) as app:
        said.send(app.worker_id)
        await asyncio.Event().wait()
