"""A raffle whose read models meet events that they cannot take, and processes that sell, follow and rebuild without end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Literal

from twofold import (
    Aggregate,
    App,
    Command,
    Event,
    Key,
    ReadModel,
    Recorded,
    Writer,
    decide,
    evolve,
    partitioned,
    projects,
)

STANDS = 5
DRUMS = 40
"""Tickets are drawn by their place in the log: at some the drum jams, and takes no more."""

JAMS = 97


class Sell(Command):
    stand: str
    numbers: list[int]


class TicketSold(Event):
    number: int


class Stand(Aggregate):
    stand: Key[str]

    @decide
    def sell(self, command: Sell) -> list[TicketSold]:
        return [TicketSold(number=number) for number in command.numbers]


class StandView(ReadModel):
    stand: Key[str]
    sold: int = 0
    mark: int = 0

    @evolve
    def was_sold(self, recorded: Recorded[TicketSold]) -> None:
        self.sold += 1
        self.mark = marked(self.mark, [recorded.position])


@partitioned(3)
class Drum(ReadModel):
    number: Key[int]
    tickets: list[int] = []

    @evolve(key=lambda recorded: recorded.position % DRUMS)
    def was_sold(self, recorded: Recorded[TicketSold]) -> None:
        self.tickets = [*self.tickets[-20:], recorded.position]
        if recorded.position % JAMS == 0:
            raise ValueError("the drum jams")


@projects("takings", schema="create table takings (stand text primary key, sold int not null, mark bigint not null)")
async def takings(events: Sequence[Recorded[TicketSold]], write: Writer) -> None:
    """What the stands' view holds, in SQL of its own: it reads what it has written before."""
    for stream in dict.fromkeys(each.stream for each in events):
        stand = stream.removeprefix("stand-")
        found = await write.rows("select sold, mark from takings where stand = :stand", stand=stand)
        sold, mark = (found[0]["sold"], found[0]["mark"]) if found else (0, 0)
        positions = [each.position for each in events if each.stream == stream]
        await write.execute(
            "insert into takings (stand, sold, mark) values (:stand, :sold, :mark)"
            " on conflict (stand) do update set sold = excluded.sold, mark = excluded.mark",
            stand=stand,
            sold=sold + len(positions),
            mark=marked(mark, positions),
        )


def marked(mark: int, positions: Sequence[int]) -> int:
    """A number that comes out otherwise when an event is missing, is there twice, or comes too early."""
    for position in positions:
        mark = (mark * 31 + position) % 1_000_003
    return mark


READ_MODELS: Sequence[type[ReadModel]] = (StandView, Drum)


def raffle(
    url: str, *, background: bool | Literal["shared"] = True, reads: str | None = None, lease_seconds: float = 0.4
) -> App:
    return App(Stand, *READ_MODELS, takings, store=url, reads=reads, background=background, lease_seconds=lease_seconds)


def command_of(number: int) -> Sell:
    return Sell(stand=f"s{number % STANDS}", numbers=list(range(number, number + number % 4)))


async def sell(app: App, numbers: itertools.count[int], count: int) -> None:
    """So many commands at once."""
    await asyncio.gather(*(app.send(command_of(next(numbers))) for _ in range(count)))


def follow(said: Connection, url: str, background: bool | Literal["shared"]) -> None:
    """Run the read models without end; say when that has begun."""
    asyncio.run(_follow(said, url, background))


async def _follow(said: Connection, url: str, background: bool | Literal["shared"]) -> None:
    async with raffle(url, background=background):
        said.send("begun")
        await asyncio.Event().wait()


def trade(said: Connection, url: str, first: int) -> None:
    """Sell without end, and say so once."""
    asyncio.run(_trade(said, url, first))


async def _trade(said: Connection, url: str, first: int) -> None:
    async with raffle(url, background=False) as app:
        numbers = itertools.count(first)
        await sell(app, numbers, 10)
        said.send("begun")
        while True:
            await sell(app, numbers, 10)
            await asyncio.sleep(0.02)


def rebuild(said: Connection, url: str) -> None:
    """Build the read models anew without end, and say when a page is done."""
    asyncio.run(_rebuild(said, url))


async def _rebuild(said: Connection, url: str) -> None:
    async with raffle(url, background=False) as app:
        while True:
            await app.rebuild(*READ_MODELS, "takings", tell=lambda progress: said.send(progress.number))
