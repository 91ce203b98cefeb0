"""A generation that several processes fill: what comes out is what one would have made of it, whoever is late or gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest

from tests.read_stores import DICTS, KINDS, append, opened, registry_of, url_of
from twofold.errors import DefinitionError
from twofold.messages import Event, Indexed, Key, by, evolve, stored_as
from twofold.projections import Projector, ReadModel, by_stream, define, fingerprint, grouped, groups_of, strong
from twofold.projections.filling import Progress
from twofold.projections.generations import Generation, Switch
from twofold.projections.rebuild import Rebuild
from twofold.projections.shares import Hold, Shares
from twofold.subscriptions import Engine
from twofold.subscriptions.partition import partition_names
from twofold.testing.history import History
from twofold.testing.memory import MemoryLog
from twofold.testing.memory_reads import MemoryReads


class Paid(Event):
    amount: int


class Numbered(Event):
    number: str


REGISTRY = registry_of(Paid)
KEYS = 13
BESIDE = partition_names("account@2", 3)


@stored_as("account")
class Account(ReadModel):
    number: Key[str]
    payments: Indexed[int] = 0
    last: list[int] = []

    @evolve
    def was_paid(self, event: Paid) -> None:
        if event.amount % 50 == 13:
            raise ValueError("an unlucky number")
        self.payments += 1
        self.last = [*self.last[-3:], event.amount]


ACCOUNTS = define(Account)


@stored_as("tax")
class Tax(ReadModel):
    number: Key[str]
    payments: int = 0

    @evolve
    def was_paid(self, event: Paid, account: Annotated[Account | None, by("amount")]) -> None: ...


async def rest() -> None:
    """Let others work."""
    await asyncio.sleep(0)


class Bench:
    """One log, one read store, and processes that build the same generation of it."""

    def __init__(self, reads: Any) -> None:
        self.reads, self.log, self.count = reads, MemoryLog(), 0
        self.told: dict[str, list[Progress]] = {}

    async def pay(self, count: int) -> None:
        for _ in range(count):
            self.count += 1
            await append(self.log, f"account-k{self.count * 7 % KEYS}", Paid(amount=self.count))

    async def process(self, name: str = "one", hold: Hold | None = None, **options: Any) -> Rebuild:
        (group,) = groups_of([ACCOUNTS])
        generation = Generation("account", 2, "code", "building", ("account",))
        await self.reads.enter(generation, [ACCOUNTS.table])
        tell: Callable[[Progress], None] = self.told.setdefault(name, []).append
        how: dict[str, Any] = {"parked_max": 20, "gap_max": 6, "tell": tell, "brake": rest} | options
        how |= {"hold": hold} if hold is not None else {}
        return Rebuild(self.log, REGISTRY, self.reads, group, generation, page_max=5, **how)

    async def stand(self) -> dict[str, int]:
        return {name: at.position for name, at in (await self.reads.checkpoints(["account@2"])).items()}

    async def is_what_one_makes(self) -> None:
        """Rows, letters and parked keys are those of a live fold of the same log in another store."""
        other = MemoryReads()
        await other.install([ACCOUNTS.table])
        await Engine(self.log, REGISTRY, Projector(other, [ACCOUNTS], parked_max=20)).settle()
        assert await kept(self.reads) == await kept(other)


async def kept(reads: Any) -> object:
    rows = {row.number: str(row) for row in await reads.select(ACCOUNTS.table, "", {})}
    parked = {each.key: each.since for each in await reads.parked(["account"])}
    letters = {key: list(await reads.letters("account", key)) for key in parked}
    at = (await reads.checkpoints(["account"]))["account"]
    return rows, parked, letters, (at.position, at.event_position, at.event_id)


@pytest.fixture(params=[DICTS, *KINDS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, request, tmp_path)


@pytest.fixture
async def bench(url: str) -> AsyncGenerator[Bench]:
    async with opened(url) as reads:
        await reads.install([ACCOUNTS.table])
        yield Bench(reads)


class Leases:
    """Those who share hold what they fill, each thing once."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncGenerator[bool]:
        is_free = name not in self.held
        self.held.add(name)
        try:
            yield is_free
        finally:
            if is_free:
                self.held.discard(name)


async def test_two_that_share_a_build_make_what_one_would(bench: Bench) -> None:
    await bench.pay(60)
    leases = Leases()

    async def after_the_other() -> None:
        while len(bench.told["two"]) <= 3:
            await asyncio.sleep(0)

    one, two = await bench.process("one", leases.hold, brake=after_the_other), await bench.process("two", leases.hold)
    await one.share(3)
    assert await bench.stand() == dict.fromkeys(BESIDE, 0)
    await asyncio.gather(one.catch_up(), two.help())
    assert await bench.stand() == {"account@2": 60}
    assert len(bench.told["one"]) > 1, "both have worked"
    await bench.pay(10)
    await one.catch_up()
    await one.switch(1)
    await bench.is_what_one_makes()


async def test_shares_that_stand_apart_are_brought_to_one_place(bench: Bench) -> None:
    await bench.pay(60)

    async def brake() -> None:
        if bench.count < 120:
            await bench.pay(1)

    one = await bench.process(brake=brake, gap_max=40)
    await one.share(3)
    await one.catch_up()
    assert (await bench.stand())["account@2"] == bench.count > 62
    at = (await bench.reads.checkpoints(["account@2"]))["account@2"]
    assert at.event_position == at.position
    await one.switch(1)
    await bench.is_what_one_makes()


async def test_whoever_shares_with_nobody_does_it_all(bench: Bench) -> None:
    await bench.pay(60)
    one = await bench.process()
    await one.share(3)
    await one.catch_up()
    await one.switch(1)
    await bench.is_what_one_makes()


async def test_progress_goes_on_from_share_to_share(bench: Bench) -> None:
    await bench.pay(60)
    one = await bench.process()
    await one.share(3)
    await one.catch_up()
    positions = [each.position for each in bench.told["one"]]
    assert positions == sorted(positions)
    assert positions[-1] == 60


async def test_nothing_is_shared_that_somebody_has_begun_to_build(bench: Bench) -> None:
    await bench.pay(20)
    one = await bench.process()
    await one.catch_up()
    await one.share(3)
    assert await bench.stand() == {"account@2": 20}


async def test_what_is_filled_in_shares_cannot_take_over(bench: Bench) -> None:
    one = await bench.process()
    await one.share(3)
    assert not await bench.reads.switch(Switch("account", 1, 2, (ACCOUNTS.table,)))


async def test_a_helper_that_is_killed_is_made_up_for(bench: Bench) -> None:
    await bench.pay(60)
    one, two = await bench.process("one"), await bench.process("two", rows_max=2)
    await one.share(3)
    helping = asyncio.create_task(two.help())
    while len(bench.told["two"]) < 4:
        await asyncio.sleep(0)
    helping.cancel()
    await asyncio.gather(helping, return_exceptions=True)
    await one.catch_up()
    await one.switch(1)
    await bench.is_what_one_makes()


async def test_whoever_leads_may_be_killed_and_another_leads(bench: Bench) -> None:
    await bench.pay(60)
    one, two = await bench.process("one", rows_max=2), await bench.process("two")
    await one.share(3)
    leading = asyncio.create_task(one.catch_up())
    while len(bench.told["one"]) < 6:
        await asyncio.sleep(0)
    leading.cancel()
    await asyncio.gather(leading, return_exceptions=True)
    await bench.pay(7)
    await two.share(2)  # There are three, and so it stays.
    await two.catch_up()
    await two.switch(1)
    await bench.is_what_one_makes()


async def test_a_helper_that_wakes_up_late_keeps_nothing(bench: Bench) -> None:
    await bench.pay(60)
    asleep = asyncio.Event()
    woken = asyncio.Event()

    async def brake() -> None:
        asleep.set()
        await woken.wait()

    one, two = await bench.process("one"), await bench.process("two", brake=brake)
    await one.share(3)
    helping = asyncio.create_task(two.help())
    await asleep.wait()
    await one.catch_up()
    await bench.pay(30)
    await one.catch_up()
    woken.set()
    await helping
    await one.switch(1)
    await bench.is_what_one_makes()


async def test_what_others_move_on_while_it_is_brought_to_one_place_is_no_other_log(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.pay(60)
    fill, is_moved = Shares._fill_share, False

    async def brake() -> None:
        if bench.count < 120:
            await bench.pay(1)

    async def overtaken(self: Shares, place: int, until: int | None = None) -> None:
        nonlocal is_moved
        if until is not None and not is_moved:
            is_moved = True
            await bench.pay(30)
            await (await bench.process("two", gap_max=0)).help()
        await fill(self, place, until)

    monkeypatch.setattr(Shares, "_fill_share", overtaken)
    one = await bench.process(brake=brake, gap_max=40)
    await one.share(3)
    await one.catch_up()
    assert is_moved
    await one.switch(1)
    await bench.is_what_one_makes()


async def test_who_begins_alone_goes_on_with_shares_that_another_opened_at_that_moment(bench: Bench) -> None:
    await bench.pay(60)
    opened = False

    async def brake() -> None:
        nonlocal opened
        if not opened:
            opened = True
            await two.share(3)

    one, two = await bench.process("one", brake=brake), await bench.process("two")
    await asyncio.wait_for(one.catch_up(), 30)
    assert await bench.stand() == {"account@2": 60}
    await one.switch(1)
    await bench.is_what_one_makes()


async def test_a_share_that_cannot_be_folded_stops_the_build(bench: Bench) -> None:
    await bench.pay(60)
    one = await bench.process(parked_max=0)
    await one.share(3)
    with pytest.raises(Exception, match="an unlucky number"):
        await one.catch_up()


def shared(*classes: type[Any]) -> bool:
    (group,) = groups_of([define(cls) for cls in classes])
    return group.by_stream


def test_rows_of_one_stream_can_be_shared_and_others_cannot() -> None:
    class ByNumber(ReadModel):
        number: Key[int]

        @evolve
        def was_paid(self, event: Paid) -> None: ...

    class ByAmount(ReadModel):
        amount: Key[int]

        @evolve
        def was_paid(self, event: Paid) -> None: ...

    class Everywhere(ReadModel):
        number: Key[str]
        town: Indexed[str] = ""

        @evolve(where="town", key=lambda event: "x")
        def was_paid(self, event: Paid) -> None: ...

    @strong
    class Strong(ReadModel):
        number: Key[str]

        @evolve
        def was_paid(self, event: Paid) -> None: ...

    @grouped("both")
    class Grouped(ReadModel):
        number: Key[str]

        @evolve
        def was_paid(self, event: Paid) -> None: ...

    with_lookup = {group.name: group.by_stream for group in groups_of([ACCOUNTS, define(Tax)])}
    assert with_lookup == {"account+tax": False}

    @by_stream
    class ByStream(ReadModel):
        number: Key[str]

        @evolve
        def was_numbered(self, event: Numbered) -> None: ...

    class ByField(ReadModel):
        number: Key[str]

        @evolve
        def was_numbered(self, event: Numbered) -> None: ...

    assert shared(ByStream)
    assert not shared(ByField)
    assert shared(Account)
    assert shared(Grouped)
    assert not shared(ByNumber)  # 7 and 007 are one row, and streams of two shares.
    assert not shared(ByAmount)
    assert not shared(Everywhere)
    assert not shared(Strong)


def test_a_stream_says_the_key_where_the_class_says_so() -> None:
    class ByField(ReadModel):
        number: Key[str]

        @evolve
        def was_numbered(self, event: Numbered) -> None: ...

    (recorded,) = History().record([Numbered(number="8")], stream="line-7")
    (step,) = define(ByField).steps.values()
    assert step.key(recorded) == "8"
    before = fingerprint(define(ByField))
    (step,) = define(by_stream(ByField)).steps.values()
    assert step.key(recorded) == "7"
    assert fingerprint(define(ByField)) != before


def test_no_stream_says_a_key_of_two_fields() -> None:
    @by_stream
    class Two(ReadModel):
        number: Key[str]
        amount: Key[int]

        @evolve
        def was_paid(self, event: Paid) -> None: ...

    with pytest.raises(DefinitionError, match="no stream's name can say"):
        define(Two)
