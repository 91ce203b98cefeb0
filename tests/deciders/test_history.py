"""Loading the write model, now and in the past."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.deciders.bank import ACCOUNT, ACCOUNTS, REGISTRY, Account, Bank, Deposit, OpenAccount
from twofold.deciders.history import History
from twofold.errors import InvalidInputError, NotFoundError
from twofold.testing.memory import MemoryLog


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
async def history(log: MemoryLog) -> History:
    bank = Bank(log)
    for amount in (1, 20, 300):
        await bank.send(Deposit(account_id="a", amount=amount))
    await bank.send(OpenAccount(account_id="a", customer_id="c"))
    return History(bank.states, log, REGISTRY)


async def test_the_newest_state_is_a_copy_of_its_own(history: History) -> None:
    account = await history.now(ACCOUNT.subject(["a"]))
    account.balance = -1

    assert await history.now(ACCOUNT.subject(["a"])) == Account(account_id="a", balance=321)


@pytest.mark.parametrize(("version", "balance"), [(0, 0), (1, 1), (2, 21), (3, 321)])
async def test_the_state_at_a_version(history: History, version: int, balance: int) -> None:
    assert (await history.at_version(ACCOUNT.subject(["a"]), version)).balance == balance


async def test_a_version_that_is_not_there_yet_is_not_found(history: History) -> None:
    with pytest.raises(NotFoundError, match=r"No event 4 of account-a. Its newest version is 3"):
        await history.at_version(ACCOUNT.subject(["a"]), 4)


async def test_the_state_at_a_time_is_a_prefix(history: History, log: MemoryLog) -> None:
    second = REGISTRY.page((await log.read_stream("account-a")).rows)[1].recorded_at

    assert (await history.at_time(ACCOUNT.subject(["a"]), second)).balance == 21
    assert (await history.at_time(ACCOUNT.subject(["a"]), second - timedelta(days=1))).balance == 0
    assert (await history.at_time(ACCOUNTS.subject(["c"]), second + timedelta(days=1))).open == 1


async def test_a_boundary_has_no_version_and_a_time_has_a_zone(history: History) -> None:
    with pytest.raises(InvalidInputError, match="boundary"):
        await history.at_version(ACCOUNTS.subject(["c"]), 1)
    with pytest.raises(InvalidInputError, match="zone"):
        await history.at_time(ACCOUNT.subject(["a"]), datetime(2020, 1, 1))  # noqa: DTZ001
