"""An app with a partitioned read model: asked, watched, stopped and shared out like any other, by several workers at once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest

from twofold import (
    Aggregate,
    App,
    BehindError,
    Command,
    Event,
    Key,
    Query,
    Reader,
    ReadModel,
    answers,
    decide,
    evolve,
    partitioned,
    stored_as,
)
from twofold.errors import StoreRefusedError
from twofold.subscriptions.partition import partition_names

NAMES = partition_names("totals", 4)


class Add(Command):
    list_id: str
    amount: int


class Added(Event):
    amount: int


class Numbers(Aggregate):
    list_id: Key[str]

    @decide
    def add(self, command: Add) -> Added:
        return Added.of(command)


@partitioned(4)
class Totals(ReadModel):
    list_id: Key[str]
    total: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        if event.amount < 0:
            raise ValueError("less than nothing")
        self.total += event.amount


class Sum(Query[int]):
    """Of all lists."""


class SumOf(Query[int]):
    list_id: str


@answers
async def sum_of(query: SumOf, read: Reader) -> int:
    return (
        await read.scalar(int, "select cast(total as integer) from totals where list_id = :id", id=query.list_id) or 0
    )


@answers(cached=True)
async def sum_of_all(query: Sum, read: Reader) -> int:
    return await read.scalar(int, "select cast(coalesce(sum(total), 0) as integer) from totals") or 0


def numbers(store: str) -> App:
    return App(Numbers, Totals, sum_of, sum_of_all, store=store)


async def test_a_question_waits_for_every_partition(store: str) -> None:
    async with numbers(store) as app:
        receipts = [await app.send(Add(list_id=f"l-{number}", amount=number)) for number in range(20)]
        assert await app.ask(Sum(), after=receipts[-1]) == sum(range(20))
        answer = await app.answer(Sum(), consistent=True)
        assert (answer.value, answer.position) == (sum(range(20)), 20)
        receipt = await app.send(Add(list_id="l-3", amount=100))
        assert await app.ask(SumOf(list_id="l-3"), after=receipt) == 103
        await app.settle()
        assert await app.ask(Sum()) == 290
        assert [(each.name, each.state, each.lag) for each in await app.status()] == [
            (name, "running", 0) for name in NAMES
        ]


async def test_a_partition_that_is_behind_is_named_and_what_needs_no_news_is_answered(store: str) -> None:
    async with numbers(store).at(parked_max=0) as app:
        await app.send(Add(list_id="l-1", amount=1))
        await app.settle()
        receipt = await app.send(Add(list_id="l-2", amount=-1))
        with pytest.raises(BehindError) as late:
            await app.ask(Sum(), after=receipt)
        assert late.value.read_model in NAMES
        assert await app.ask(Sum()) == 1
        assert (await app.answer(Sum())).position == 1  # Complete only up to where the hindmost partition stands.
        assert sorted(each.state for each in await app.status()) == ["running", "running", "running", "stopped"]


async def test_an_app_that_follows_nothing_sees_what_another_process_brings_forward(store: str) -> None:
    async with numbers(store), numbers(store).at(background=False) as here:
        for number in range(8):
            receipt = await here.send(Add(list_id=f"l-{number}", amount=1))
            assert await here.ask(Sum(), after=receipt, wait_seconds=10) == number + 1
        assert {each.name for each in await here.status()} == set(NAMES)


async def test_workers_share_the_partitions_out_and_take_them_over(store: str) -> None:
    async with AsyncExitStack() as stack:
        asking = await stack.enter_async_context(numbers(store).at(background=False))
        first, second = numbers(store).at(background="shared"), numbers(store).at(background="shared")
        await stack.enter_async_context(first)
        await second.start()
        async with asyncio.timeout(20):
            while len({each.owner for each in await asking.status()}) != 2:
                await asyncio.sleep(0.05)
        receipts = [await asking.send(Add(list_id=f"l-{number}", amount=1)) for number in range(8)]
        assert await asking.ask(Sum(), after=receipts[-1], wait_seconds=10) == 8
        await second.stop()
        receipt = await asking.send(Add(list_id="l-1", amount=1))
        assert await asking.ask(Sum(), after=receipt, wait_seconds=10) == 9
        assert len({each.owner for each in await asking.status()}) == 1


async def test_all_partitions_are_paused_stepped_and_resumed_by_the_name_of_the_read_model(store: str) -> None:
    async with numbers(store).at(background="shared") as app:
        for number in range(4):
            await app.send(Add(list_id=f"l-{number}", amount=1))
        await app.settle()
        assert await app.control.pause("totals") == ["totals"]
        assert {each.state for each in await app.status()} == {"paused"}
        receipt = await app.send(Add(list_id="l-1", amount=1))
        with pytest.raises(BehindError, match="paused by an operator"):
            await app.ask(Sum(), after=receipt, wait_seconds=0.1)
        stepped = await app.control.step("totals")
        assert (stepped.before, stepped.after, len(stepped.events)) == (4, 5, 1)
        assert await app.ask(Sum(), after=receipt, wait_seconds=0.1) == 5
        assert (await app.control.resume("totals"))["totals"] is not None
        receipt = await app.send(Add(list_id="l-1", amount=1))
        assert await app.ask(Sum(), after=receipt) == 6


async def test_the_rows_of_partitions_cannot_be_followed_one_by_one(store: str) -> None:
    async with numbers(store) as app:
        with pytest.raises(StoreRefusedError, match="partitioned"):
            app.rows(Totals)


@stored_as("totals")
@partitioned(4)
class DoubledTotals(ReadModel):
    list_id: Key[str]
    total: int = 0

    @evolve
    def was_added(self, event: Added) -> None:
        self.total += 2 * event.amount


def doubled(store: str, count: int = 4) -> App:
    cls = stored_as("totals")(type("DoubledTotals", (DoubledTotals,), {"__module__": __name__}))
    return App(Numbers, partitioned(count)(cls), sum_of, sum_of_all, store=store)


async def stand(app: App) -> dict[str, int]:
    return {name: at.position for name, at in (await app.reads.checkpoints(["totals"])).items()}


@pytest.mark.parametrize("count", [1, 4, 6])
async def test_new_code_is_built_beside_all_partitions_and_takes_their_place_at_once(store: str, count: int) -> None:
    async with numbers(store) as old:
        for number in range(12):
            await old.send(Add(list_id=f"l-{number}", amount=1))
        await old.settle()
        async with doubled(store, count) as new:
            await new.builds_done()
            receipt = await new.send(Add(list_id="l-1", amount=1))
            assert await new.ask(Sum(), after=receipt) == 26
            assert await stand(new) == dict.fromkeys(partition_names("totals", count), 13)
            with suppress(BehindError):  # If it still answers, then from the new rows.
                assert await old.ask(Sum(), after=receipt) == 26
            assert (await new.verify(DoubledTotals)).is_right
            await new.rollout.rollback("totals")
            assert await stand(new) == dict.fromkeys(NAMES, 12)
    async with numbers(store) as old:
        assert await old.ask(Sum(), consistent=True) == 13
        assert {each.generation for each in await old.status()} == {1}


async def test_a_generation_waits_until_it_has_come_as_far_as_every_partition(store: str) -> None:
    async with numbers(store).at(parked_max=0) as app:
        for number in range(12):
            await app.send(Add(list_id=f"l-{number}", amount=1))
        await app.send(Add(list_id="l-1", amount=-1))
        await app.send(Add(list_id="l-2", amount=1))
        with pytest.raises(BehindError):
            await app.settle()
        before = await stand(app)
        assert sorted(before.values()) == [12, 14, 14, 14]
        await app.stop()
        await app.start()
    async with doubled(store) as new:
        await new.builds_done()
        assert await stand(new) == dict.fromkeys(NAMES, 14)
        assert await new.ask(Sum(), consistent=True) == 24


async def test_a_rebuild_goes_on_beside_workers_that_write(store: str) -> None:
    async with numbers(store).at(background="shared") as one, numbers(store).at(background="shared") as other:
        stopping = asyncio.Event()

        async def write() -> int:
            count = 0
            while not stopping.is_set():
                await one.send(Add(list_id=f"l-{count % 16}", amount=1))
                count += 1
                await asyncio.sleep(0)
            return count

        writing = asyncio.create_task(write())
        for _ in range(3):
            await other.rebuild(Totals)
        stopping.set()
        count = await writing
        assert await one.ask(Sum(), consistent=True, wait_seconds=20) == count
        assert (await one.verify(Totals)).is_right
