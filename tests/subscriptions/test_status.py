"""A status cannot lie: lag is against the real head, in events and seconds, and whoever does not move is said to be stalled."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from tests.read_stores import append
from tests.subscriptions.notebook import AWAY, RANG, Notebook, Rang, engine
from twofold.subscriptions import Board, Checkpoint, Lease, SubscriptionStatus, Wish
from twofold.subscriptions.member import Member
from twofold.subscriptions.status import STALLED_SECONDS
from twofold.testing.memory import MemoryLog

SINCE_2000 = (datetime.now(UTC) - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds()
"""How long ago the events of these tests were recorded, about."""


class DeafLog(MemoryLog):
    """Nobody hears of what is appended."""

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        await asyncio.Event().wait()
        return after


async def rang(log: MemoryLog) -> int:
    return await append(log, "bell-1", Rang(number=1))


def lease(*, state: str = "running", left_seconds: float = 5.0) -> Board:
    return Board({"all": Lease("all", "host:1:abc", left_seconds, state, 3.0)})  # type: ignore[arg-type]  # any state


async def seen(log: MemoryLog, notebook: Notebook, board: Board | None = None) -> SubscriptionStatus:
    """As another process sees it."""
    (status,) = await engine(log, notebook).observe(board)
    return status


async def test_lag_is_counted_against_the_head_as_it_is_now_in_events_and_in_seconds() -> None:
    log, notebook = MemoryLog(), Notebook(all=RANG)
    for _ in range(3):
        await rang(log)
    status = await seen(log, notebook)
    assert (status.lag, status.position, status.head) == (3, 0, 3)
    assert status.lag_seconds == pytest.approx(SINCE_2000, abs=3600)
    await engine(log, notebook).settle()
    assert ((await seen(log, notebook)).lag, (await seen(log, notebook)).lag_seconds) == (0, 0.0)


def test_how_long_it_takes_is_told_where_somebody_moves() -> None:
    assert SubscriptionStatus("a", "catching up", 10, 30, 20, rate=4.0).eta_seconds == 5.0
    assert SubscriptionStatus("a", "stalled", 10, 30, 20).eta_seconds is None
    assert SubscriptionStatus("a", "running", 30, 30, 0).eta_seconds == 0.0


def test_numbers_leave_out_what_nobody_knows() -> None:
    numbers = SubscriptionStatus("a", "stopped", 10, 30, 20, parked=2).numbers
    assert numbers == {"position": 10, "head": 30, "lag_events": 20, "rate": 0, "parked": 2, "moving": 0}
    assert SubscriptionStatus("a", "running", 30, 30, 0).numbers["moving"] == 1


async def test_whoever_has_not_moved_for_long_while_behind_is_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("twofold.subscriptions.member.time.monotonic", lambda: now)
    member = Member("all", RANG, Checkpoint(5, "log", 1))
    assert member.status(5).state == "running"
    now += 2 * STALLED_SECONDS
    assert member.status(6).state == "catching up", "it was level until now"
    now += STALLED_SECONDS
    assert member.status(6).state == "stalled"
    member.advance(Checkpoint(6, "log", 1))
    assert member.status(7).state == "catching up"
    now += STALLED_SECONDS
    assert member.status(7).state == "stalled"
    assert member.status(6).state == "running"


async def test_what_another_process_runs_is_as_that_said_as_long_as_its_lease_lasts() -> None:
    log, notebook = MemoryLog(), Notebook(all=RANG)
    await rang(log)
    status = await seen(log, notebook, lease())
    assert (status.state, status.owner, status.rate) == ("catching up", "host:1:abc", 3.0), "it is behind by now"
    assert (await seen(log, notebook, lease(state="stalled"))).state == "stalled"
    assert (await seen(log, notebook, lease(left_seconds=0.0))).state == "unattended"
    await engine(log, notebook).settle()
    assert (await seen(log, notebook, lease(state="catching up"))).state == "running"


async def test_a_pause_is_said_when_nobody_runs_it_any_more() -> None:
    log, notebook = MemoryLog(), Notebook(all=RANG)
    paused = Board(lease().leases, wishes=[Wish("all", "pause")])
    assert (await seen(log, notebook, paused)).state == "running"
    assert (await seen(log, notebook, Board(wishes=paused.wishes))).state == "paused"


async def test_news_that_are_lost_are_made_up_for_by_a_look() -> None:
    log, notebook = DeafLog(), Notebook(all=RANG)
    runner = engine(log, notebook)
    await runner.start()
    await rang(log)
    assert runner.status()[0].state == "running", "it has heard of nothing"
    (status,) = await runner.observe()
    assert (status.state, status.lag) == ("catching up", 1), "whoever asks sees the log itself"
    await runner.look()
    await runner.reach(["all"], 1, timeout_seconds=60)
    await runner.stop()


async def test_a_database_that_is_away_is_in_the_status() -> None:
    log, notebook = MemoryLog(), Notebook(all=RANG)
    runner = engine(log, notebook)
    notebook.failures = [AWAY] * 1000
    await runner.start()
    await rang(log)
    while runner.status()[0].error is None:
        await asyncio.sleep(0)
    (status,) = await runner.observe()
    assert (status.state, status.error) == ("retrying", "the database is away")
    await runner.stop()
