"""Strong read models: what was acknowledged is in the rows, whatever else happens at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stories.ledger import (
    UNLUCKY,
    Agreeing,
    Balance,
    BalanceOf,
    Balances,
    Pay,
    Sum,
    Transfer,
    bank,
    must_be_the_fold_of_the_log,
    without_balances,
)
from tests.stories.processes import together
from twofold import BehindError, Receipt
from twofold.errors import FoldError, StoreRefusedError
from twofold.projections.inline import GAP_MAX


@pytest.fixture(params=["memory", "file", "postgres"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of each kind."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/story.db"


async def test_an_answer_holds_every_payment_that_was_acknowledged_before_it_was_asked(anywhere: str) -> None:
    async with bank(anywhere) as app:

        async def caller(account: str) -> None:
            for number in range(1, 16):
                await app.send(Pay(account=account, amount=100 + number))
                found = await app.ask(BalanceOf(account=account))
                assert found is not None
                assert found.payments == number

        await asyncio.gather(*(caller(f"a{number}") for number in range(16)))
        await must_be_the_fold_of_the_log(app)


async def test_tables_of_both_kinds_can_be_asked_about_together(anywhere: str) -> None:
    async with bank(anywhere) as app:
        await app.send(Pay(account="ann", amount=5))
        receipt = await app.send(Pay(account="bob", amount=5))
        assert await app.ask(Agreeing(), after=receipt) == 2


async def test_a_fold_that_raises_refuses_that_command_and_none_of_its_neighbours(anywhere: str) -> None:
    async with bank(anywhere) as app:
        amounts = [UNLUCKY if number % 10 == 3 else number + 100 for number in range(60)]
        found = await asyncio.gather(
            *(app.send(Pay(account=f"a{number % 7}", amount=amount)) for number, amount in enumerate(amounts)),
            return_exceptions=True,
        )
        for amount, each in zip(amounts, found, strict=True):
            assert isinstance(each, FoldError if amount == UNLUCKY else Receipt)
        assert (await app.head()).position == 54
        await must_be_the_fold_of_the_log(app)


async def test_a_command_that_was_refused_is_decided_anew_under_the_same_id(anywhere: str) -> None:
    async with bank(anywhere) as app:
        with pytest.raises(FoldError, match=r"balance cannot take Paid .*unlucky.* Nothing was appended"):
            await app.send(Transfer(source="ann", target="bob", amount=-UNLUCKY), command_id="c1")
        assert (await app.head()).position == 0
        assert await app.ask(Balances()) == []
        receipt = await app.send(Transfer(source="ann", target="bob", amount=5), command_id="c2")
        again = await app.send(Transfer(source="ann", target="bob", amount=5), command_id="c2")
        assert not receipt.replayed
        assert again.replayed
        assert [each.total for each in await app.ask(Balances())] == [-5, 5]


async def test_a_row_that_no_column_can_keep_refuses_its_command_only(anywhere: str) -> None:
    async with bank(anywhere) as app:
        largest = 2**63 - 1
        await app.send(Pay(account="ann", amount=largest))
        found = await asyncio.gather(
            *(app.send(Pay(account=account, amount=1)) for account in ("bob", "ann", "cid")), return_exceptions=True
        )
        assert [type(each) for each in found] == [Receipt, StoreRefusedError, Receipt]
        assert [each.total for each in await app.ask(Balances())] == [largest, 1, 1]


async def test_what_was_written_is_there_after_a_restart_and_goes_on(store: str) -> None:
    for total in (5, 10):
        async with bank(store, background=False) as app:
            await app.send(Pay(account="ann", amount=5))
            assert await app.ask(BalanceOf(account="ann")) == Balance(account="ann", total=total, payments=total // 5)


async def test_what_a_program_without_the_read_model_appended_is_made_up_for_by_the_next_append(store: str) -> None:
    async with bank(store, background=False) as app, without_balances(store) as other:
        for _ in range(3):
            await app.send(Pay(account="ann", amount=1))
            await other.send(Pay(account="ann", amount=1))
            await other.send(Pay(account="bob", amount=1))
        await app.send(Pay(account="ann", amount=1))
        await must_be_the_fold_of_the_log(app)


async def test_the_engine_makes_up_for_it_where_no_append_does(store: str) -> None:
    async with bank(store) as app, without_balances(store) as other:
        await app.send(Pay(account="ann", amount=1))
        receipt = await other.send(Pay(account="ann", amount=1))
        found = await app.ask(BalanceOf(account="ann"), after=receipt.token)
        assert found == Balance(account="ann", total=2, payments=2)


async def test_on_an_old_log_it_catches_up_first_while_appends_go_on_and_misses_none(store: str) -> None:
    async with without_balances(store) as other:
        await asyncio.gather(*(other.send(Pay(account=f"a{n % 9}", amount=n + 100)) for n in range(3 * GAP_MAX)))
    async with bank(store, background=False) as app:
        await app.send(Pay(account="a0", amount=1))
        with pytest.raises(BehindError):  # Too far behind for an append to make up for it, and never old by accident.
            await app.ask(Balances(), wait_seconds=0.01)
        appends = asyncio.gather(*(app.send(Pay(account=f"a{n % 9}", amount=1)) for n in range(300)))
        while await app.engine.step():
            pass
        await appends
        await app.send(Pay(account="a0", amount=1))
        await must_be_the_fold_of_the_log(app)


async def test_a_watch_begins_when_it_has_caught_up(store: str) -> None:
    async with without_balances(store) as other:
        await asyncio.gather(*(other.send(Pay(account=f"a{n % 9}", amount=1)) for n in range(2 * GAP_MAX)))
    async with bank(store, background=False) as app:
        watch = app.watch(Sum())
        first = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        while await app.engine.step():
            pass
        assert await first == 2 * GAP_MAX
        await watch.aclose()


async def test_an_answer_that_is_kept_holds_what_another_process_has_acknowledged(store: str) -> None:
    async with bank(store) as app, bank(store) as other:
        for count in range(1, 6):
            await other.send(Pay(account="ann", amount=5))
            assert await app.ask(Sum()) == count


async def test_the_status_tells_of_it_like_of_any_other(store: str) -> None:
    async with bank(store) as app:
        await app.send(Pay(account="ann", amount=1))
        (balance,) = [each for each in await app.status() if each.name == "balance"]
        assert (balance.state, balance.position, balance.lag) == ("running", 1, 0)
    async with bank(store, background=False) as app:
        (balance,) = [each for each in await app.status() if each.name == "balance"]
        assert (balance.state, balance.position, balance.lag) == ("running", 1, 0)


async def test_it_cannot_be_in_another_database_than_the_log(store: str, tmp_path: Path) -> None:
    elsewhere = bank(store).at(reads=f"sqlite:///{tmp_path}/elsewhere.db")
    with pytest.raises(StoreRefusedError, match="Leave out reads="):
        await elsewhere.start()


def hammered(number: int, ready: Callable[[], object], url: str) -> int:
    return asyncio.run(_hammered(number, ready, url))


async def _hammered(number: int, ready: Callable[[], object], url: str) -> int:
    """Send from eight tasks, over accounts that everybody uses, and look at each own payment at once."""
    async with bank(url, background=number == 0) as app:
        ready()

        async def caller(task: int) -> None:
            own = f"own{number}.{task}"
            for turn in range(1, 4):
                await app.send(
                    Transfer(source=f"a{(task + turn) % 3}", target=f"a{(task + turn + 1) % 3}", amount=turn)
                )
                await app.send(Pay(account=own, amount=turn))
                found = await app.ask(BalanceOf(account=own))
                assert found is not None
                assert found.payments == turn

        await asyncio.gather(*(caller(task) for task in range(8)))
    return number


async def test_eight_processes_with_eight_tasks_each_see_all_of_their_own_and_leave_the_fold_of_the_log(
    store: str,
) -> None:
    async with bank(store):
        pass  # One process makes the tables.
    assert together(8, hammered, store) == list(range(8))
    async with bank(store, background=False) as app:
        assert (await app.head()).position == 8 * 8 * 3 * 3
        await must_be_the_fold_of_the_log(app)
