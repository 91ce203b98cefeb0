"""Partitions: the same rows, kept by several subscriptions, each of which stands where it stands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest

from tests.read_stores import DICTS, KINDS, append, opened, registry_of, url_of
from twofold.errors import BehindError, DefinitionError
from twofold.messages import Event, Indexed, Key, by, evolve, stored_as
from twofold.projections import (
    DeadLetters,
    Projector,
    ReadModel,
    Rewinding,
    Verifier,
    define,
    fingerprint,
    grouped,
    groups_of,
    partitioned,
    strong,
)
from twofold.projections.audience import Audience
from twofold.projections.partitions import Places, place_of
from twofold.projections.port import Advance
from twofold.projections.table import Changes
from twofold.subscriptions import Engine, State
from twofold.subscriptions.partition import partition_names, whole
from twofold.testing.memory import MemoryLog


class Paid(Event):
    amount: int


class Moved(Event):
    town: str


class Closed(Event):
    town: str


REGISTRY = registry_of(Paid, Moved, Closed)
COUNT = 4


@partitioned(COUNT)
class Account(ReadModel):
    number: Key[int]
    balance: int = 0
    town: Indexed[str] = "?"
    closed: bool = False

    @evolve
    def was_paid(self, event: Paid) -> None:
        if event.amount == 13:
            raise ValueError("an unlucky number")
        self.balance += event.amount

    @evolve
    def has_moved(self, event: Moved) -> None:
        self.town = event.town

    @evolve(where="town")
    def town_was_closed(self, event: Closed) -> None:
        self.closed = True


ACCOUNTS = define(Account)
NAMES = partition_names("account", COUNT)


def of_partition(number: int) -> int:
    """An account number that belongs to this partition."""
    return next(each for each in range(1000) if place_of(each, COUNT) == number - 1)


class Only(Projector):
    """Follows some partitions, as one of several workers does."""

    def only(self, *names: str) -> Only:
        self.names = names
        return self

    @property
    def interests(self) -> Mapping[str, frozenset[str]]:
        return {name: types for name, types in super().interests.items() if name in self.names}


class Bank:
    """One log, one read store, and engines that run some partitions."""

    def __init__(self, reads: Any) -> None:
        self.reads, self.log = reads, MemoryLog()

    async def add(self, *history: tuple[int, Event]) -> None:
        for number, event in history:
            await append(self.log, f"account-{number}", event)

    async def run(self, *names: str, parked_max: int = 10) -> Engine:
        projector = Only(self.reads, [ACCOUNTS], parked_max=parked_max).only(*(names or NAMES))
        engine = Engine(self.log, REGISTRY, projector, page_max=2)
        await engine.settle()
        return engine

    async def stand(self) -> dict[str, int]:
        return {name: at.position for name, at in (await self.reads.checkpoints(["account"])).items()}

    async def rows(self) -> dict[int, Account]:
        return {row.number: row for row in await self.reads.select(ACCOUNTS.table, "", {})}

    def verifier(self, **how: Any) -> Verifier:
        return Verifier(self.log, REGISTRY, self.reads, groups_of([ACCOUNTS]), **how)


@pytest.fixture(params=[DICTS, *KINDS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return url_of(request.param, request, tmp_path)


@pytest.fixture
async def bank(url: str) -> AsyncGenerator[Bank]:
    async with opened(url) as reads:
        await reads.install([ACCOUNTS.table])
        yield Bank(reads)


async def test_each_partition_folds_the_rows_of_its_keys_and_stands_for_itself(bank: Bank) -> None:
    numbers = [of_partition(each) for each in (1, 2, 3, 4)]
    await bank.add(*((number, Paid(amount=10 * number + 1)) for number in numbers), (numbers[0], Moved(town="x")))
    await bank.run(NAMES[0], NAMES[2])
    assert await bank.stand() == dict(zip(NAMES, [5, 0, 5, 0], strict=True))
    assert (await bank.rows()).keys() == {numbers[0], numbers[2]}
    await bank.run()
    assert await bank.stand() == dict.fromkeys(NAMES, 5)
    assert {key: row.balance for key, row in (await bank.rows()).items()} == {each: 10 * each + 1 for each in numbers}


async def test_a_fan_out_changes_the_rows_of_each_partition_when_it_comes_to_it(bank: Bank) -> None:
    one, two = of_partition(1), of_partition(2)
    await bank.add((one, Moved(town="x")), (two, Moved(town="x")), (9, Closed(town="x")), (two, Moved(town="y")))
    await bank.run(NAMES[0])
    assert {key: (row.town, row.closed) for key, row in (await bank.rows()).items()} == {one: ("x", True)}
    await bank.run()
    found = {key: (row.town, row.closed) for key, row in (await bank.rows()).items()}
    assert found == {one: ("x", True), two: ("y", True)}


async def test_whoever_is_first_decides_how_many_partitions_there_are(bank: Bank) -> None:
    await bank.add((1, Paid(amount=5)), (2, Paid(amount=6)))

    def engine(count: int) -> Engine:
        return Engine(bank.log, REGISTRY, Projector(bank.reads, [define(partitioned(count)(copied(Account)))]))

    here, there = engine(2), engine(3)
    await here.step()
    await there.settle()
    await here.settle()
    assert await bank.stand() == dict.fromkeys(partition_names("account", 2), 2)
    assert [status.name for status in there.status()] == list(partition_names("account", 2))
    assert {key: row.balance for key, row in (await bank.rows()).items()} == {1: 5, 2: 6}


async def test_a_fold_that_fails_stops_its_partition_alone(bank: Bank) -> None:
    one, two = of_partition(1), of_partition(2)
    await bank.add((one, Paid(amount=13)), (two, Paid(amount=1)), (one, Paid(amount=1)))
    with pytest.raises(BehindError, match="account#1/4 is behind"):
        await bank.run(parked_max=0)
    assert await bank.stand() == dict(zip(NAMES, [0, 3, 3, 3], strict=True))
    assert {key: row.balance for key, row in (await bank.rows()).items()} == {two: 1}
    engine = Engine(bank.log, REGISTRY, Projector(bank.reads, [ACCOUNTS]))
    states: dict[str, State] = {each.name: each.state for each in await engine.observe()}
    assert states == {NAMES[0]: "stopped", **dict.fromkeys(NAMES[1:], "unattended")}


async def test_a_key_that_nobody_can_say_stops_every_partition(bank: Bank) -> None:
    await bank.add((1, Paid(amount=1)))
    await append(bank.log, "account-x", Paid(amount=1))
    await bank.add((1, Paid(amount=1)))
    with pytest.raises(BehindError, match="cannot take"):
        await bank.run()
    assert await bank.stand() == dict.fromkeys(NAMES, 1)


async def test_a_parked_key_waits_in_its_partition_and_is_retried_beside_the_others(bank: Bank) -> None:
    numbers = [of_partition(each) for each in (1, 2, 3, 4)]
    await bank.add(
        *((number, Paid(amount=13)) for number in numbers[:2]), *((each, Paid(amount=1)) for each in numbers)
    )
    engine = await bank.run()
    await bank.run(NAMES[2])  # A worker for another partition counts them, and keeps nothing of them.
    assert {each.name: each.parked for each in await engine.observe()} == dict(zip(NAMES, [1, 1, 0, 0], strict=True))
    mended = define(partitioned(COUNT)(copied(Account, was_paid=evolve(_takes_everything))))
    dead = DeadLetters(bank.log, REGISTRY, bank.reads, [mended])
    first = next(each for each in await dead.parked() if each.key == str(numbers[0]))
    retried = await dead.retry(first)
    assert (retried.unparked, retried.letters, retried.after.balance) == (True, 2, 14)
    await bank.add((numbers[0], Paid(amount=7)), (numbers[1], Paid(amount=7)))
    await engine.settle()  # It was fenced, and knows by now which keys are parked.
    balances = {key: row.balance for key, row in (await bank.rows()).items()}
    assert balances == {numbers[0]: 21, numbers[2]: 1, numbers[3]: 1}
    (left,) = await dead.parked()
    assert [event.position for event in await dead.letters(left)] == [2, 4, 8]


async def test_the_limit_of_parked_keys_is_for_all_partitions_together(bank: Bank) -> None:
    numbers = [of_partition(each) for each in (1, 2, 3)]
    await bank.add(*((number, Paid(amount=13)) for number in numbers))
    with pytest.raises(BehindError, match="parked_max=2"):
        await bank.run(parked_max=2)
    assert len(await bank.reads.parked(["account"])) == 2


async def test_each_row_is_verified_as_of_its_own_partition(bank: Bank) -> None:
    numbers = [of_partition(each) for each in (1, 2, 3, 4)]
    await bank.add(*((each, Moved(town="x")) for each in numbers))
    await bank.run()
    await bank.add(*((each, Paid(amount=5)) for each in numbers), (9, Closed(town="x")), (9, Paid(amount=1)))
    await bank.run(NAMES[1])
    await bank.add(*((each, Paid(amount=5)) for each in numbers))
    await bank.run(NAMES[2])
    found = await bank.verifier().verify("account")
    assert (found.is_right, found.keys, found.position) == (True, 4 + (place_of(9, COUNT) in (1, 2)), 14)
    small = await bank.verifier(rows_max=1).verify("account")
    assert (small.is_right, small.keys) == (True, found.keys)


async def test_rows_are_healed_in_their_partitions_wherever_those_stand(bank: Bank) -> None:
    numbers = [of_partition(each) for each in (1, 2, 3, 4)]
    await bank.add(*((each, Paid(amount=5)) for each in numbers))
    engine = await bank.run()
    await bank.add(*((each, Paid(amount=6)) for each in numbers))
    await bank.run(NAMES[1])
    wrong = [Account(number=each, balance=999) for each in numbers[:3]]
    at = (await bank.reads.checkpoints([NAMES[3]]))[NAMES[3]]
    assert await bank.reads.save([Advance(NAMES[3], at, at, [Changes(ACCOUNTS.table, wrong)])]) == [True]
    healed = await bank.verifier().verify("account", heal=True)
    assert (healed.different, healed.healed, healed.is_right) == (3, 3, True)
    found = {key: row.balance for key, row in (await bank.rows()).items()}
    assert found == dict(zip(numbers, [5, 11, 5, 5], strict=True))
    await engine.settle()
    assert {row.balance for row in (await bank.rows()).values()} == {11}


@pytest.mark.parametrize("url", KINDS, indirect=True)  # What is emptied must speak SQL.
async def test_all_partitions_are_emptied_together_when_the_log_is_another_one(bank: Bank) -> None:
    await bank.add((1, Paid(amount=5)), (2, Paid(amount=6)))
    await bank.run()
    before = await bank.reads.checkpoints(["account"])
    bank.log = MemoryLog()
    await bank.add((3, Paid(amount=7)))
    rewinding = Rewinding(bank.log, bank.reads, groups_of([ACCOUNTS]), audience=Audience())
    assert "built from log" in await rewinding.reason("account")
    assert await rewinding.accept("account") == "account"
    after = await bank.reads.checkpoints(["account"])
    assert await bank.stand() == dict.fromkeys(NAMES, 0)
    assert all(after[name].epoch > before[name].epoch for name in NAMES)
    await bank.run()
    assert {key: row.balance for key, row in (await bank.rows()).items()} == {3: 7}


KEYS: list[Any] = [
    "f-1", "ä", 7, True, date(2024, 2, 29), datetime(2024, 1, 1, 12, tzinfo=UTC), timedelta(hours=3), Decimal("10.50"),
    UUID(int=7), ("a", 1),
]  # fmt: skip


def test_the_partition_of_a_key_is_the_same_in_every_process_and_version() -> None:
    assert [place_of(key, 16) for key in KEYS] == PLACES
    said = (
        "from twofold.projections.partitions import place_of\n"
        "print([place_of(key, 16) for key in ('f-1', 'ä', 7, ('a', 1))])"
    )
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str([PLACES[0], PLACES[1], PLACES[2], PLACES[9]])


PLACES = [13, 10, 2, 15, 7, 0, 3, 0, 5, 4]


def test_equal_keys_have_one_partition_however_they_are_written() -> None:
    alike: list[list[Any]] = [
        [Decimal("1"), Decimal("1.00"), Decimal("1E0")],
        [Decimal("0"), Decimal("-0.0")],
        [Decimal("1000"), Decimal("1E+3")],
        [datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))],
        [("a", Decimal("2")), ("a", Decimal("2.0"))],
    ]
    for keys in alike:
        assert len({place_of(key, 64) for key in keys}) == 1, keys


def test_partitions_are_about_as_large_as_each_other() -> None:
    places = [place_of(f"family-{number}", 8) for number in range(8000)]
    assert all(900 < places.count(each) < 1100 for each in range(8))


def test_places_remember_so_many_keys_and_no_more() -> None:
    places = Places(ACCOUNTS, 4, keys_max=10)
    assert [places[key] for key in range(100)] == [place_of(key, 4) for key in range(100)]
    assert len(places) <= 10


def test_how_many_partitions_there_are_does_not_make_it_other_code() -> None:
    assert fingerprint(define(partitioned(8)(copied(Account)))) == fingerprint(ACCOUNTS)
    assert groups_of([define(partitioned(1)(copied(Account)))])[0].partitions == 1


def _takes_everything(self: Any, event: Paid) -> None:
    self.balance += event.amount


def copied(cls: type[Account], **members: Any) -> type[Account]:
    """Another class of the same read model."""
    made: type[Account] = stored_as("account")(type("Account", (cls,), {"__module__": cls.__module__, **members}))
    return made


class Town(ReadModel):
    town: Key[str]

    @evolve(key=lambda event: event.town)
    def was_moved_to(self, event: Moved) -> None:
        pass


class Looking(ReadModel):
    number: Key[int]

    @evolve
    def has_moved(self, event: Moved, town: Annotated[Town | None, by("town")]) -> None:
        pass


class Wandering(ReadModel):
    number: Key[int]

    @evolve(moves=True)
    def was_paid(self, event: Paid) -> None:
        self.number = event.amount


class Other(ReadModel):
    number: Key[int]

    @evolve
    def was_paid(self, event: Paid) -> None:
        pass


def test_what_depends_on_other_rows_cannot_be_partitioned() -> None:
    refused: list[tuple[Callable[[], Collection[type[ReadModel]]], str]] = [
        (lambda: [partitioned(2)(Wandering)], "its rows move"),
        (lambda: [partitioned(2)(Looking), Town], "shares a checkpoint"),
        (lambda: [Looking, partitioned(2)(Town)], "shares a checkpoint"),
        (lambda: [grouped("all")(partitioned(2)(Other))], "shares a checkpoint"),
        (lambda: [strong(partitioned(2)(Other))], "strong"),
        (lambda: [partitioned(0)(Other)], "0 partitions"),
        (lambda: [partitioned(65)(Other)], "65 partitions"),
    ]
    for make, why in refused:
        with pytest.raises(DefinitionError, match=why):
            groups_of([define(each) for each in make()])
        for cls in (Wandering, Looking, Town, Other):
            for mark in ("__twofold_partitions__", "__twofold_group__", "__twofold_strong__"):
                if mark in vars(cls):
                    delattr(cls, mark)


def test_a_name_says_which_partition_it_is() -> None:
    assert partition_names("view", 1) == ("view",)
    assert partition_names("view@2", 2) == ("view@2#1/2", "view@2#2/2")
    assert [whole(name) for name in ("view", "view@2#1/2", "a#b", "a#1")] == ["view", "view@2", "a#b", "a#1"]
