"""Group commit: who shares a flush, who gets which verdict, and what happens when nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from twofold.errors import (
    ConflictError,
    InvalidInputError,
    KeyReusedError,
    OutcomeUnknownError,
    StoreUnavailableError,
)
from twofold.store.appender import Appender
from twofold.store.criteria import Criteria, Item
from twofold.store.port import Append, Condition, NewEvent, Verdict
from twofold.testing.memory import MemoryLog


def event(stream: str = "s-1", type: str = "Happened", tags: tuple[str, ...] = (), data: bytes = b"{}") -> NewEvent:
    return NewEvent(stream, type, 1, data, b"{}", tags)


def append(stream: str = "s-1", *, key: str | None = None, digest: bytes = b"", **more: object) -> Append:
    return Append(events=(event(stream),), key=key, digest=digest, **more)  # type: ignore[arg-type]


class SlowLog(MemoryLog):
    """A log whose flushes wait for a gate, and which fails as it is told: before or after it has written."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.batches: list[int] = []
        self.before: list[Exception] = []
        self.after: list[Exception] = []

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        self.batches.append(len(batch))
        await self.gate.wait()
        if self.before:
            raise self.before.pop(0)
        verdicts = await super().append(batch)
        if self.after:
            raise self.after.pop(0)
        return verdicts


@pytest.fixture
def log() -> SlowLog:
    return SlowLog()


async def test_what_arrives_during_a_flush_shares_the_next_one(log: SlowLog) -> None:
    appender = Appender(log)
    log.gate.clear()
    first = asyncio.create_task(appender.append(append()))
    while not log.batches:
        await asyncio.sleep(0)
    rest = [asyncio.create_task(appender.append(append())) for _ in range(10)]
    await asyncio.sleep(0)
    log.gate.set()

    answers = await asyncio.gather(first, *rest)

    assert log.batches == [1, 10]
    assert [answer.first for answer in answers] == list(range(1, 12))


@pytest.mark.parametrize(
    ("bounds", "batches"),
    [({"appends_max": 3}, [3, 3, 1]), ({"events_max": 2}, [2, 2, 2, 1]), ({"bytes_max": 16}, [4, 3])],
)
async def test_a_flush_is_bounded(log: SlowLog, bounds: dict[str, int], batches: list[int]) -> None:
    appender = Appender(log, **bounds)  # type: ignore[arg-type]  # one of its bounds at a time

    await asyncio.gather(*(appender.append(append()) for _ in range(7)))

    assert log.batches == batches


async def test_one_conflict_fails_only_its_own_caller(log: SlowLog) -> None:
    appender = Appender(log)
    answers = await asyncio.gather(
        appender.append(append("s-1", expected={"s-1": 0})),
        appender.append(append("s-1", expected={"s-1": 0})),
        appender.append(append("s-2")),
        appender.append(append("s-3", conditions=(Condition(Criteria.of(types=["Happened"]), 0),))),
        return_exceptions=True,
    )

    stream, criteria = answers[1], answers[3]
    assert [type(answer).__name__ for answer in answers] == ["Appended", "ConflictError", "Appended", "ConflictError"]
    assert isinstance(stream, ConflictError)
    assert (stream.stream, stream.expected, stream.found) == ("s-1", 0, 1)
    assert isinstance(criteria, ConflictError)
    assert (criteria.criteria, criteria.expected, criteria.found) == ("Happened", 0, 2)
    assert log.batches == [4]


async def test_a_database_that_refuses_tells_everybody_in_the_flush(log: SlowLog) -> None:
    appender = Appender(log)
    log.before = [StoreUnavailableError("The disk is full", reason="full")]

    answers = await asyncio.gather(*(appender.append(append()) for _ in range(3)), return_exceptions=True)

    assert {type(answer) for answer in answers} == {StoreUnavailableError}
    assert (await appender.append(append())).first == 1


@pytest.mark.parametrize("written", [False, True])
async def test_an_unknown_outcome_becomes_known_by_the_key(log: SlowLog, written: bool) -> None:
    appender = Appender(log)
    (log.after if written else log.before).append(OutcomeUnknownError("The connection broke"))
    log.before += [] if written else [StoreUnavailableError("Still away", reason="away")]

    answer = await appender.append(append(key="k", digest=b"d"))

    assert (answer.first, answer.last, answer.versions, answer.replayed) == (1, 1, {"s-1": 1}, written)
    assert (await log.head()).position == 1


async def test_without_a_key_the_outcome_stays_unknown(log: SlowLog) -> None:
    appender = Appender(log)
    log.after = [OutcomeUnknownError("The connection broke")]

    with pytest.raises(OutcomeUnknownError):
        await appender.append(append())


async def test_a_database_that_stays_away_leaves_the_outcome_unknown_and_names_the_key(log: SlowLog) -> None:
    appender = Appender(log, retry_seconds=0)
    log.after = [OutcomeUnknownError("The connection broke")]

    with pytest.raises(OutcomeUnknownError, match="command id: k") as unknown:
        await appender.append(append(key="k"))

    assert unknown.value.key == "k"


async def test_an_old_answer_is_recalled_and_nothing_is_written(log: SlowLog) -> None:
    appender = Appender(log)
    first = await appender.append(append(key="k", digest=b"d"))

    again = await appender.recall("k", b"d")

    assert again is not None
    assert again.last == first.last
    assert await appender.recall("new", b"d") is None
    assert await appender.recall("new", b"d") is None
    with pytest.raises(KeyReusedError):
        await appender.recall("k", b"other")
    assert (await log.head()).position == 1


async def test_a_caller_who_goes_away_hurts_nobody(log: SlowLog) -> None:
    appender = Appender(log)
    log.gate.clear()
    tasks = [asyncio.create_task(appender.append(append())) for _ in range(3)]
    while not log.batches:
        await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    log.gate.set()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(answers[1], asyncio.CancelledError)
    assert (await log.head()).position == 3


async def test_closing_waits_for_everything_that_was_queued(log: SlowLog) -> None:
    appender = Appender(log, appends_max=1)
    log.gate.clear()
    tasks = [asyncio.create_task(appender.append(append())) for _ in range(3)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(appender.close())
    await asyncio.sleep(0)
    assert not closing.done()
    log.gate.set()
    await closing

    assert all(task.done() for task in tasks) or len(await asyncio.gather(*tasks)) == 3
    assert (await log.head()).position == 3


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (append("$all-1"), "stream"),
        (append("nodash"), "stream"),
        (append("s-"), "stream"),
        (append("s-.."), "stream"),
        (append("S-1"), "stream"),
        (append("s-a b"), "stream"),
        (append("s-ü"), "stream"),
        (append("s-a/b"), "stream"),
        (append("s-\0"), "stream"),
        (append("s-" + "x" * 254), "stream"),
        (append(key=""), "command_id"),
        (append(key="a b"), "command_id"),
        (append(key="x" * 256), "command id"),
        (append(expected={"s-1": -1}), "expected_version"),
        (append(expected={"s-1": 2**63}), "expected_version"),
        (append(expected={"s-1": True}), "expected_version"),
        (append(conditions=(Condition(Criteria.of(types=["A"]), -1),)), "after"),
        (append(conditions=(Condition(Criteria(()), 0),)), "criteria"),
        (append(conditions=(Condition(Criteria((Item(types=("A",)),) * 101), 0),)), "criteria"),
        (append(conditions=(Condition(Criteria.of(tags=[f"a={n}" for n in range(101)]), 0),)), "criteria"),
        (append(conditions=(Condition(Criteria.of(types=[f"A{n}" for n in range(1001)]), 0),)), "criteria"),
        (append(conditions=(Condition(Criteria.of(types=["A\0"]), 0),)), "criteria"),
        (append(conditions=(Condition(Criteria.of(tags=["no value"]), 0),)), "tags"),
        (Append(events=(event(tags=("no value",)),)), "tags"),
        (Append(events=(event(tags=("a=\n",)),)), "tags"),
        (Append(events=(event(tags=("a=" + "ü" * 127,)),)), "tag"),
        (Append(events=(event(tags=tuple(f"a={n}" for n in range(1001))),)), "tags"),
        (Append(events=(event(data=b"x" * ((1 << 20) + 1)),)), "data"),
        (Append(events=(NewEvent("s-1", "T", 1, b"{}", b"x" * ((64 << 10) + 1)),)), "headers"),
        (Append(events=(event(),) * 10_001), "events"),
        (Append(events=(event(data=b"x" * (1 << 20)),) * 65), "events"),
    ],
)
async def test_what_no_backend_takes_is_refused_at_the_edge(log: SlowLog, bad: Append, what: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await Appender(log).append(bad)

    assert refused.value.what == what
    assert refused.value.remedy
    assert log.batches == []


class DistantLog(SlowLog):
    """A log that is as far away as a few turns of the loop."""

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().append(batch)


@pytest.mark.parametrize(("halves", "batches"), [(True, [32, 16, 16, 16, 16]), (False, [32, 32, 32])])
async def test_the_callers_of_one_flush_may_take_turns_in_two_halves(halves: bool, batches: list[int]) -> None:
    log = DistantLog()
    appender = Appender(log, halves=halves)

    async def caller(number: int) -> None:
        for _ in range(3):
            await appender.append(append(f"s-{number}"))

    await asyncio.gather(*(caller(number) for number in range(32)))

    assert log.batches == batches
    assert (await log.head()).position == 96


async def test_a_few_callers_with_many_events_take_turns_too() -> None:
    log = DistantLog()
    appender = Appender(log, halves=True)
    large = Append(events=(event(),) * 10)

    async def caller() -> None:
        for _ in range(2):
            await appender.append(large)

    await asyncio.gather(*(caller() for _ in range(4)))

    assert log.batches == [4, 2, 2]
