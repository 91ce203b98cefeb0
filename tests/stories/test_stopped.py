"""A read model stops at an event: every process can say at which and why, until a mended fold takes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from tests.stories.processes import start
from tests.stories.worker import Count, Counted, Counter, CounterView, counters, run
from twofold import App, BehindError, Key, ReadModel, Recorded, Writer, evolve, projects
from twofold.subscriptions import SubscriptionStatus


def elsewhere(url: str, *, mended: bool = False) -> str:
    """Run the read models in a process of its own until they are done; what was in their way."""
    process, heard = start(partial(run, mended=mended), url)
    with heard:
        answer: str = heard.recv()
    process.join()
    return answer


async def status_of(app: App, name: str = "counter_view") -> SubscriptionStatus:
    return next(status for status in await app.status() if status.name == name)


async def test_the_reason_is_seen_from_another_process_and_goes_when_the_fold_is_mended(store: str) -> None:
    async with counters(store) as app:
        for number in (1, 2, 666, 4):
            await app.send(Count(counter="c", number=number))
        assert "cannot take Counted at position 3" in elsewhere(store)
        stopped = await status_of(app)
        assert (stopped.state, stopped.position, stopped.lag) == ("stopped", 2, 2)
        assert stopped.facts is not None
        assert {name: stopped.facts[name] for name in ("code", "event_type", "position", "key", "reason")} == {
            "code": "fold", "event_type": "Counted", "position": 3, "key": "c",
            "reason": "ValueError: 666 is no number for me",
        }  # fmt: skip
        others = await status_of(app, "event_count")
        assert (others.state, others.position, others.error) == ("unattended", 4, None)

        assert "cannot take" in elsewhere(store), "whoever starts it again stops at the same place"
        assert (await status_of(app)).state == "stopped"

        assert elsewhere(store, mended=True) == ""
        resumed = await status_of(app)
        assert (resumed.state, resumed.position, resumed.error, resumed.facts) == ("unattended", 4, None, None)
        found = await app.reads.query("select total from counter_view", {})
        assert found.rows[0][0] == 1 + 2 + 666 + 4
        assert (await app.reads.query("select count(*) as left_over from twofold_errors", {})).rows[0][0] == 0


class Columns(ReadModel):
    """Whatever the fold is told to put into a column, when it meets 666."""

    counter: Key[str]
    number: int = 0
    text: str = ""
    ratio: float = 0.0
    price: Decimal = Decimal(0)
    day: date = date(2024, 9, 1)
    names: list[str] = []
    counts: dict[str, int] = {}
    maybe: int | None = None

    @evolve
    def counted(self, event: Counted) -> None:
        self.maybe = event.number
        if event.number == 666:
            column, value = BAD[event.topic]
            setattr(self, column, value)


BAD: dict[str, tuple[str, Any]] = {
    "an integer beyond 64 bits": ("number", 2**63),
    "an integer far below": ("number", -(2**63) - 1),
    "an integer beyond 64 bits where none may be": ("maybe", 2**64),
    "a text with NUL": ("text", "a\0b"),
    "a lone surrogate": ("text", "\ud800"),
    "not a number": ("ratio", float("nan")),
    "a number without end": ("ratio", float("inf")),
    "a decimal that is none": ("price", Decimal("NaN")),
    "text for a number": ("number", "seven"),
    "a number for a text": ("text", 7),
    "none where there must be one": ("number", None),
    "a day that is none": ("day", "yesterday"),
    "NUL in a list": ("names", ["a\0b"]),
    "a lone surrogate in a list": ("names", ["\ud800"]),
    "a dict that JSON cannot hold": ("counts", {"a": object()}),
}


class ByNumber(ReadModel):
    number: Key[int]
    times: int = 0

    @evolve(key=lambda event: event.number if event.number != 666 else 2**63)
    def counted(self, event: Counted) -> None:
        self.times += 1


class ByPrice(ReadModel):
    price: Key[Decimal]
    times: int = 0

    @evolve(key=lambda event: Decimal(event.number) if event.number != 666 else Decimal("NaN"))
    def counted(self, event: Counted) -> None:
        self.times += 1


class ByMoment(ReadModel):
    moment: Key[datetime]
    times: int = 0

    @evolve(key=lambda event: datetime(2024, 9, 1, tzinfo=UTC if event.number != 666 else None))
    def counted(self, event: Counted) -> None:
        self.times += 1


@pytest.mark.parametrize("model", [ByNumber, ByPrice, ByMoment])
async def test_a_key_that_no_database_could_hold_stops_at_its_event(store: str, model: type[ReadModel]) -> None:
    async with App(Counter, model, CounterView, store=store, background=False) as app:
        for number in (1, 2, 3, 666, 5):
            await app.send(Count(counter="a", number=number))
        with pytest.raises(BehindError, match="cannot take Counted at position 4"):
            await app.settle()
        name = next(status.name for status in await app.status() if status.name != "counter_view")
        assert ((await status_of(app, name)).state, (await status_of(app, name)).position) == ("stopped", 3)


@projects("sums", schema="create table sums (counter text, number bigint)")
async def sums(events: Sequence[Recorded[Counted]], write: Writer) -> None:
    for recorded in events:
        if recorded.event.number == 666:
            raise ValueError("no number for me")
        await write.execute("insert into sums values (:counter, :number)", counter="a", number=recorded.event.number)


async def test_a_projection_with_sql_of_its_own_stops_at_the_event_that_it_cannot_take(store: str) -> None:
    async with App(Counter, sums, store=store, background=False) as app:
        for number in (1, 2, 3, 666, 5):
            await app.send(Count(counter="a", number=number))
        with pytest.raises(BehindError, match="sums cannot take Counted at position 4"):
            await app.settle()
        assert (await status_of(app, "sums")).position == 3
        found = await app.reads.query("select number from sums order by number", {})
        assert [row[0] for row in found.rows] == [1, 2, 3]


@pytest.mark.parametrize("bad", BAD)
async def test_a_value_that_the_database_refuses_stops_at_its_event_and_all_before_it_is_kept(
    store: str, bad: str
) -> None:
    async with App(Counter, Columns, store=store, background=False, parked_max=0) as app:
        for number, counter in ((1, "a"), (2, "b"), (3, "a"), (666, "b"), (5, "a")):
            await app.send(Count(counter=counter, number=number, topic=bad))
        with pytest.raises(BehindError):
            await app.settle()
        (stopped,) = await app.status()
        assert (stopped.state, stopped.position) == ("stopped", 3)
        assert stopped.facts is not None
        assert [stopped.facts[name] for name in ("code", "event_type", "position", "key")] == [
            "fold",
            "Counted",
            4,
            "b",
        ]
        found = await app.reads.query("select counter, maybe from columns order by counter", {})
        assert [tuple(row) for row in found.rows] == [("a", 3), ("b", 2)]
    async with App(Counter, Columns, store=store, background=False, parked_max=0) as app:
        assert (await status_of(app, "columns")).facts == stopped.facts
