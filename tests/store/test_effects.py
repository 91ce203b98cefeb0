"""A flush whose effects are refused is made in halves; what is said to each caller is true of its own append."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from twofold.errors import FoldError, StoreUnavailableError, TwofoldError
from twofold.store.effects import halved, rows_of
from twofold.store.port import Append, Appended, NewEvent, Refused, StreamConflict, Verdict
from twofold.testing.memory import MemoryLog


def pay(stream: str, *amounts: int) -> Append:
    return Append(tuple(NewEvent(stream, "Paid", 1, str(amount).encode(), b"{}") for amount in amounts))


POISON = FoldError("view", event_type="Paid", position=1, key="a", reason="no")
AWAY = StoreUnavailableError("gone", reason="away")


class Flushes:
    """A log that fails for a batch of which a test says so, and else appends."""

    def __init__(self, failing: Callable[[Sequence[Append]], TwofoldError | None]) -> None:
        self._failing = failing
        self.log = MemoryLog()
        self.sizes: list[int] = []

    async def __call__(self, batch: Sequence[Append]) -> Sequence[Verdict]:
        self.sizes.append(len(batch))
        if (error := self._failing(batch)) is not None:
            raise error
        return await self.log.append(batch)


def is_poisoned(batch: Sequence[Append]) -> TwofoldError | None:
    return POISON if any(event.data == b"13" for append in batch for event in append.events) else None


async def test_one_that_is_refused_stands_alone_after_few_flushes_and_the_others_keep_their_order() -> None:
    flushes = Flushes(is_poisoned)
    batch = [pay("a-1", number) for number in range(30, 62)]
    batch[20] = pay("a-1", 13)
    verdicts = await halved(batch, flushes)
    assert [index for index, verdict in enumerate(verdicts) if verdict == Refused(POISON)] == [20]
    assert [verdict.first for verdict in verdicts if isinstance(verdict, Appended)] == list(range(1, 32))
    assert len(flushes.sizes) == 11


async def test_when_the_database_goes_away_nobody_who_is_in_the_log_is_told_so() -> None:
    flushes = Flushes(lambda batch: POISON if len(batch) == 4 else AWAY if b"3" in batch[0].events[0].data else None)
    verdicts = await halved([pay("a-1", number) for number in (1, 2, 3, 4)], flushes)
    assert [type(verdict) for verdict in verdicts] == [Appended, Appended, Refused, Refused]


async def test_what_is_no_fault_of_one_append_is_told_to_all() -> None:
    with pytest.raises(StoreUnavailableError):
        await halved([pay("a-1", 1), pay("a-1", 2)], Flushes(lambda batch: AWAY))


async def test_the_rows_of_a_batch_are_those_that_the_log_holds() -> None:
    log = MemoryLog()
    batch = [
        pay("a-1", 1, 2),
        Append((*pay("a-2", 3).events, *pay("a-1", 4).events, *pay("a-2", 5).events)),
        Append(pay("a-1", 6).events, expected={"a-1": 99}),
        pay("a-1", 7),
        Append(pay("a-3", 8).events, key="k", digest=b"d"),
    ]
    verdicts = await log.append(batch)
    assert isinstance(verdicts[2], StreamConflict)
    assert rows_of(batch, verdicts) == list((await log.read()).rows)
    again = await log.append(batch[4:])
    assert rows_of(batch[4:], again) == []
