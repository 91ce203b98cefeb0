"""New code for strong read models: built beside, taken over between two appends, and never silently behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from tests.stories.ledger import UNLUCKY, Account, Balance, Paid, Pay, transfer
from twofold import (
    App,
    BehindError,
    Key,
    NotFoundError,
    Query,
    Reader,
    ReadModel,
    Searchable,
    answers,
    evolve,
    stored_as,
    strong,
)
from twofold.backends.postgres.open_rows import PostgresRows
from twofold.config import PostgresURL, parse_url
from twofold.errors import FoldError, StoreRefusedError
from twofold.projections.generations import Generation, Switch
from twofold.projections.inline import GAP_MAX, Inline
from twofold.store.port import Append, Head, Verdict


@strong
@stored_as("balance")
class Doubled(ReadModel):
    account: Key[str]
    total: int = 0
    payments: int = 0

    @evolve
    def was_paid(self, event: Paid) -> None:
        self.total += 2 * event.amount
        self.payments += 1


@strong
@stored_as("balance")
class Texts(ReadModel):
    """Other columns, one of which is searched."""

    account: Key[str]
    said: Searchable[str] = ""
    total: str = "0"

    @evolve
    def was_paid(self, event: Paid) -> None:
        self.said, self.total = f"paid {event.amount}", str(int(self.total) + event.amount)


@strong
@stored_as("balance")
class Careful(ReadModel):
    account: Key[str]
    total: int = 0
    payments: int = 0

    @evolve
    def was_paid(self, event: Paid) -> None:
        if event.amount == 7:
            raise ValueError("no sevens")
        self.total += event.amount


class TotalOf(Query[int]):
    account: str


@answers
async def total_of(query: TotalOf, read: Reader) -> int:
    statement = "select cast(total as integer) from balance where account = :account"
    return await read.scalar(int, statement, account=query.account) or 0


def bank(store: str, model: type[ReadModel]) -> App:
    return App(Account, transfer, model, total_of, store=store)


async def pay(app: App, count: int = 30) -> None:
    for number in range(count):
        await app.send(Pay(account=f"a{number % 3}", amount=number if number != UNLUCKY else 0))


async def states(app: App) -> list[Any]:
    return [(each.number, each.state) for each in await app.reads.generations(["balance"])]


async def stands(app: App) -> int:
    return (await app.reads.checkpoints(["balance"]))["balance"].position


@pytest.mark.parametrize(("model", "expected"), [(Doubled, 264), (Texts, 132)])
async def test_other_code_builds_the_next_generation_and_appends_move_it(
    store: str, model: type[ReadModel], expected: int
) -> None:
    async with bank(store, Balance) as old:
        await pay(old)
    async with bank(store, model) as new:
        await new.builds_done()
        assert await new.ask(TotalOf(account="a1")) == expected
        assert await states(new) == [(1, "retired"), (2, "active")]
        await new.send(Pay(account="a1", amount=100))
        assert await new.ask(TotalOf(account="a1")) > expected
        assert (await new.verify("balance")).is_right
    async with bank(store, model).at(background=False) as again:
        await again.send(Pay(account="a1", amount=100))
        assert await again.ask(TotalOf(account="a1")) in (664, 332)
        assert await states(again) == [(1, "retired"), (2, "active")]


async def test_the_same_code_builds_nothing(store: str) -> None:
    for _ in range(2):
        async with bank(store, Balance) as app:
            await app.send(Pay(account="a1", amount=1))
            assert await states(app) == [(1, "active")]


@pytest.mark.parametrize("model", [Doubled, Texts])
async def test_what_other_code_has_made_is_not_moved_and_never_silently_old(store: str, model: type[ReadModel]) -> None:
    async with bank(store, Balance) as old:
        await pay(old)
    async with bank(store, model).at(background=False) as new:
        if model is Doubled:
            assert await new.ask(TotalOf(account="a1")) == 132
        else:  # Another definition cannot even be read.
            with pytest.raises(BehindError, match="generation 2 of balance is to be built"):
                await new.ask(TotalOf(account="a1"), wait_seconds=0.01)
        await new.send(Pay(account="a1", amount=100))
        assert await stands(new) == 30
        with pytest.raises(BehindError, match="generation 2 of balance is to be built"):
            await new.ask(TotalOf(account="a1"), wait_seconds=0.01)
        (held,) = await new.status()
        assert (held.state, held.position, held.lag) == ("held", 30, 1)
        async with bank(store, Balance).at(background=False) as old:
            await old.send(Pay(account="a1", amount=1))  # It makes up for what the others have left.
            assert await old.ask(TotalOf(account="a1")) == 233
        if model is Doubled:
            assert await new.ask(TotalOf(account="a1")) == 233


@pytest.mark.parametrize("model", [Doubled, Texts])
async def test_old_code_that_still_appends_is_never_refused_and_spoils_nothing(
    store: str, model: type[ReadModel]
) -> None:
    factor = 2 if model is Doubled else 1
    async with bank(store, Balance) as old, bank(store, Balance).at(background=False) as idle:
        await pay(old)
        await idle.send(Pay(account="b", amount=1))
        async with bank(store, model) as new:
            await new.builds_done()
            for number in range(1, 4):
                for app in (old, idle):
                    receipt = await app.send(Pay(account="a1", amount=100))
                    assert await new.ask(TotalOf(account="a1"), after=receipt) % (100 * factor) == 32 * factor
                await new.send(Pay(account="a1", amount=100))
                assert await new.ask(TotalOf(account="a1")) == (132 + 300 * number) * factor
            assert (await new.verify("balance")).is_right
        await old.send(Pay(account="a1", amount=1))
        with pytest.raises(BehindError):
            await old.ask(TotalOf(account="a1"), wait_seconds=0.1)
        with pytest.raises(BehindError, match="generation 2, which other code has made"):
            while True:  # Until its engine has heard of the event that was appended without the read model.
                await old.ask(TotalOf(account="a1"), wait_seconds=0.1)
                await asyncio.sleep(0)
        (stopped,) = [each for each in await old.status() if each.name == "balance"]
        assert stopped.state == "held"


async def test_an_old_process_answers_what_a_new_one_has_made_up_for(store: str) -> None:
    async with bank(store, Balance).at(background=False) as old:
        await pay(old)
        async with bank(store, Doubled) as new:
            await new.builds_done()
            await old.send(Pay(account="a1", amount=100))
            assert await old.ask(TotalOf(account="a1")) == 464


async def test_what_other_code_has_made_is_looked_at_for_each_question(store: str) -> None:
    async with bank(store, Balance) as old:
        await pay(old)
    async with bank(store, Doubled).at(background=False) as one, bank(store, Doubled).at(background=False) as other:
        assert await one.ask(TotalOf(account="a1")) == 132
        await other.send(Pay(account="a1", amount=1))
        with pytest.raises(BehindError):
            await one.ask(TotalOf(account="a1"), wait_seconds=0.01)


async def test_whoever_sees_that_it_is_level_while_an_append_leaves_it_behind_asks_again(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bank(store, Balance).at(background=False) as old, bank(store, Doubled).at(background=False) as new:
        await new.rebuild(Doubled)
        await old.send(Pay(account="a1", amount=1))
        await new.send(Pay(account="a1", amount=1))
        head, looked = old.log.head, 0

        async def meanwhile() -> Head:
            nonlocal looked
            looked += 1
            found = await head()
            if looked == 3:  # The look whether it is level for good.
                await old.send(Pay(account="a1", amount=1))
            return found

        monkeypatch.setattr(old.log, "head", meanwhile)
        assert await old.ask(TotalOf(account="a1")) == 4
        assert looked == 3
        with pytest.raises(BehindError):
            await old.ask(TotalOf(account="a1"), wait_seconds=0.01)


async def test_on_an_empty_log_it_is_built_all_the_same(store: str) -> None:
    async with bank(store, Balance) as app:
        (built,) = await app.rebuild(Balance)
        assert (built.number, built.state) == (2, "active")
        await app.send(Pay(account="a1", amount=5))
        assert await app.ask(TotalOf(account="a1")) == 5


async def test_a_long_gap_behind_a_new_generation_is_left_to_the_engine_and_questions_wait(store: str) -> None:
    async with bank(store, Balance).at(background=False) as old, bank(store, Doubled).at(background=False) as new:
        await new.rebuild(Doubled)
        for _ in range(GAP_MAX + 1):
            await old.send(Pay(account="a1", amount=1))
        await new.send(Pay(account="a1", amount=1))
        with pytest.raises(BehindError):
            await new.ask(TotalOf(account="a1"), wait_seconds=0.01)
        await new.settle()
        assert await new.ask(TotalOf(account="a1")) == 2 * (GAP_MAX + 2)


async def test_a_rebuild_by_the_same_code_is_never_behind_for_anybody(store: str) -> None:
    async with bank(store, Balance) as here, bank(store, Balance) as there:

        async def caller(app: App, account: str) -> None:
            for number in range(1, 41):
                await app.send(Pay(account=account, amount=1))
                assert await app.ask(TotalOf(account=account)) == number

        callers = [asyncio.create_task(caller(app, f"c{n}{app is here}")) for n in range(4) for app in (here, there)]
        for number in (2, 3, 4):
            (built,) = await here.rebuild(Balance)
            assert built.number == number
        await asyncio.gather(*callers)
        assert (await here.verify(Balance)).is_right


async def test_a_rebuild_can_be_verified_kept_waiting_cancelled_and_rolled_back(store: str) -> None:
    async with bank(store, Balance) as old:
        await pay(old)
    async with bank(store, Doubled).at(background=False) as operator:
        await operator.rebuild("balance", switch=False, verify=True)
        await operator.rollout.cancel("balance")
        with pytest.raises(NotFoundError):
            await operator.rollout.cancel("balance")
        await operator.rebuild("balance", switch=False)
        standing = (await operator.rollout.standings())["balance"]
        assert (standing.generation, standing.building and standing.building.position) == (1, 30)
        await operator.rollout.switch("balance")
        assert await operator.ask(TotalOf(account="a1")) == 264
        await operator.send(Pay(account="a1", amount=100))
        assert await operator.ask(TotalOf(account="a1")) == 464
        await operator.rollout.rollback("balance")
        await operator.send(Pay(account="a1", amount=100))
        assert await stands(operator) == 30
        with pytest.raises(BehindError):
            await operator.ask(TotalOf(account="a1"), wait_seconds=0.01)
        assert await states(operator) == [(1, "active"), (2, "cancelled"), (3, "rejected")]
    async with bank(store, Doubled) as again:
        await again.builds_done()
        with pytest.raises(BehindError, match="was rolled back, and generation 1 serves as it is"):
            await again.ask(TotalOf(account="a1"), wait_seconds=0.01)
    async with bank(store, Balance).at(background=False) as old:
        await old.send(Pay(account="a1", amount=1))
        assert await old.ask(TotalOf(account="a1")) == 333


async def test_an_old_event_that_new_code_cannot_take_ends_the_build_and_nothing_is_parked(store: str) -> None:
    async with bank(store, Balance) as old:
        await pay(old)
    async with bank(store, Careful) as new:
        await new.builds_done()
        with pytest.raises(BehindError, match="could not be built.*no sevens"):
            await new.ask(TotalOf(account="a1"), consistent=True)
        with pytest.raises(FoldError, match="no sevens"):
            await new.rebuild(Careful)
    async with bank(store, Balance) as old:
        await old.send(Pay(account="a1", amount=5))
        assert await old.ask(TotalOf(account="a1")) == 137


async def test_where_builds_wait_to_be_asked_for_appends_go_on_over_the_rows_of_other_code(store: str) -> None:
    async with bank(store, Balance) as old:
        await pay(old)
        with pytest.raises(StoreRefusedError, match="twofold projections rebuild balance"):
            await bank(store, Texts).at(rebuild="manual").start()
        async with bank(store, Doubled).at(rebuild="manual") as new:
            await new.send(Pay(account="a1", amount=100))
            assert await new.ask(TotalOf(account="a1")) == 332
            await old.send(Pay(account="a1", amount=1))  # Code that is not the newest leaves it to the newest.
            assert await new.ask(TotalOf(account="a1"), consistent=True) == 334
            (built,) = await new.rebuild(Doubled)
            assert (built.number, built.state) == (2, "active")
            assert await new.ask(TotalOf(account="a1")) == 466


@asynccontextmanager
async def held_open(monkeypatch: pytest.MonkeyPatch, app: App) -> AsyncGenerator[Callable[[], None]]:
    """Let the next append of this app stand still before its commit, when it has dealt with its read models."""
    inline = app.log._inline  # type: ignore[attr-defined]
    assert isinstance(inline, Inline)
    takes, reached, go_on = inline.take_effect, asyncio.Event(), asyncio.Event()

    async def take_effect(transaction: Any, batch: Sequence[Append], verdicts: Sequence[Verdict]) -> None:
        await takes(transaction, batch, verdicts)
        reached.set()
        await go_on.wait()

    monkeypatch.setattr(inline, "take_effect", take_effect)
    append = asyncio.create_task(app.send(Pay(account="a1", amount=100)))
    await reached.wait()
    monkeypatch.undo()
    yield go_on.set
    go_on.set()
    await append


async def is_waiting_for_a_lock(url: str) -> bool:
    place = parse_url(url)
    assert isinstance(place, PostgresURL)
    connection = await asyncpg.connect(place.dsn)
    try:
        wanted = f"twofold append {place.schema}"
        statement = "select count(*) from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'"
        return bool(await connection.fetchval(statement, wanted))
    finally:
        await connection.close()


async def until_it_waits_or_is_over(
    task: asyncio.Task[Any], is_waiting: Callable[[], Coroutine[Any, Any, bool]]
) -> None:
    while not task.done() and not await is_waiting():
        await asyncio.sleep(0)


async def test_an_append_in_flight_that_skips_the_read_model_is_not_lost_by_the_switch(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bank(postgres_url, Balance) as old:
        await pay(old)
    async with (
        bank(postgres_url, Doubled).at(background=False) as new,
        bank(postgres_url, Doubled).at(background=False) as rival,
    ):
        await new.rebuild(Doubled, switch=False)
        async with held_open(monkeypatch, rival) as go_on:  # What serves is not its code's: it has left it alone.
            switch = asyncio.create_task(new.rollout.switch("balance"))
            await until_it_waits_or_is_over(switch, lambda: is_waiting_for_a_lock(postgres_url))
            go_on()
            await switch
        assert await stands(new) == 31
        assert await new.ask(TotalOf(account="a1")) == 464


async def test_an_append_in_flight_that_has_moved_the_read_model_is_not_lost_by_the_switch(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bank(postgres_url, Balance) as here, bank(postgres_url, Balance) as there:
        await pay(here)
        await here.rebuild(Balance, switch=False)
        async with held_open(monkeypatch, there) as go_on:
            switch = asyncio.create_task(here.rollout.switch("balance"))
            await until_it_waits_or_is_over(switch, lambda: is_waiting_for_a_lock(postgres_url))
            go_on()
            await switch
        assert await stands(here) == 31
        assert await here.ask(TotalOf(account="a1")) == await there.ask(TotalOf(account="a1")) == 232


async def test_a_generation_is_not_taken_back_while_an_append_folds(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bank(postgres_url, Balance) as old:
        await pay(old)
    async with (
        bank(postgres_url, Texts).at(background=False) as new,
        bank(postgres_url, Texts).at(background=False) as rival,
    ):
        await new.rebuild(Texts)
        looks = PostgresRows.generations
        begun: list[asyncio.Task[Switch]] = []

        async def meanwhile(rows: PostgresRows, names: Collection[str]) -> Sequence[Generation]:
            found = await looks(rows, names)
            begun.append(asyncio.create_task(new.rollout.rollback("balance")))
            await until_it_waits_or_is_over(begun[0], lambda: is_waiting_for_a_lock(postgres_url))
            monkeypatch.undo()
            return found

        monkeypatch.setattr(PostgresRows, "generations", meanwhile)
        await rival.send(Pay(account="a1", amount=100))
        await begun[0]
        assert await stands(new) == 30
        assert await new.reads.checkpoints(["balance@2"])


async def test_whoever_reads_for_long_holds_up_the_switch_but_no_append(postgres_url: str) -> None:
    place = parse_url(postgres_url)
    assert isinstance(place, PostgresURL)
    reader = await asyncpg.connect(place.dsn, server_settings={"search_path": place.read_schema})
    try:
        async with bank(postgres_url, Balance) as app:
            await pay(app)
            async with reader.transaction():
                await reader.fetch("select * from balance")
                switch = asyncio.create_task(app.rebuild(Balance))
                await until_it_waits_or_is_over(switch, lambda: is_waiting_for_a_lock(postgres_url))
                for _ in range(3):
                    await app.send(Pay(account="a1", amount=100))
                assert not switch.done()
            await switch
            assert await app.ask(TotalOf(account="a1")) == 432
    finally:
        await reader.close()


async def test_an_append_waits_for_the_switch_and_is_folded_by_what_serves_then(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that come between catching up and the switch are folded in it."""
    async with bank(store, Balance) as here, bank(store, Balance).at(background=False) as there:
        await pay(here)
        await here.rebuild(Balance, switch=False)
        between, looked = here.log.between_appends, 0  # type: ignore[attr-defined]

        async def later(work: Any) -> Any:
            nonlocal looked
            looked += 1
            await there.send(Pay(account="a1", amount=100))
            return await between(work)

        monkeypatch.setattr(here.log, "between_appends", later)
        await here.rollout.switch("balance")
        assert (looked, await stands(here)) == (1, 31)
        assert await there.ask(TotalOf(account="a1")) == 232
        assert (await here.verify(Balance)).is_right
