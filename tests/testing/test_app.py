"""The app in memory, and the plugin that starts it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.testing.bank import Account, GuestView, OpenAccount, PayIn, Seats, SeatTaken, TakeSeat, transfer
from twofold import App, BehindError, Key, Query, Reader, ReadModel, answers, evolve
from twofold.clock import FixedClock
from twofold.testing import InMemoryApp
from twofold.testing.fixtures import StartInMemory


class Guests(Query[list[GuestView]]):
    pass


@answers
async def guests(query: Guests, read: Reader) -> list[GuestView]:
    return await read.all(GuestView, "order by guest")


class Brittle(ReadModel):
    guest: Key[str]

    @evolve
    def took(self, event: SeatTaken) -> None:
        raise ValueError("not this one")


app = App(Account, Seats, transfer, GuestView, guests, store="sqlite:///never-made.db")


async def test_a_question_sees_every_command_before_it(in_memory: StartInMemory) -> None:
    shows = await in_memory(app)
    for guest in ("Ann", "Bob"):
        await shows.send(TakeSeat(show="Lear", guest=guest))
        assert (await shows.ask(Guests()))[-1] == GuestView(guest=guest, seats=1)


async def test_each_app_in_memory_is_empty_at_first(in_memory: StartInMemory) -> None:
    one, other = await in_memory(app), await in_memory(app)
    await one.send(TakeSeat(show="Lear", guest="Ann"))
    assert await other.ask(Guests()) == []


async def test_the_clock_can_be_the_tests_own() -> None:
    noon = datetime(2020, 2, 20, 12, tzinfo=UTC)
    async with InMemoryApp(app, clock=FixedClock(noon)) as bank:
        await bank.send(OpenAccount(account_id="a-1"))
        await bank.send(PayIn(account_id="a-1", amount=Decimal(10)))
        assert [recorded.recorded_at async for recorded in bank.events()] == [noon, noon]


async def test_a_read_model_that_stopped_fails_the_next_question(in_memory: StartInMemory) -> None:
    shows = await in_memory(App(Seats, GuestView, Brittle, guests))
    await shows.send(TakeSeat(show="Lear", guest="Ann"))
    with pytest.raises(BehindError, match="not this one"):
        await shows.ask(Guests())


def test_the_plugin_imports_nothing_of_the_library_by_itself() -> None:
    code = "import sys, twofold.testing.plugin, twofold.testing.fixtures; print([m for m in sys.modules if m in ('msgspec', 'apsw')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
