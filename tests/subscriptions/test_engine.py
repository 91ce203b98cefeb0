"""The engine: nothing skipped, one pass for all, each stopping alone, woken and drained."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.read_stores import append
from tests.subscriptions.notebook import BOTH, EVERYTHING, RANG, REGISTRY, Hummed, Notebook, Rang, Tripped, engine
from twofold.errors import BehindError, StoreUnavailableError
from twofold.store.port import Page
from twofold.subscriptions import Checkpoint, Engine
from twofold.testing.memory import MemoryLog


async def rang(log: MemoryLog, count: int) -> None:
    await append(log, "bell-1", *(Rang(number=number) for number in range(count)))


class CountingLog(MemoryLog):
    """Counts how often it is read, and knows how to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int]] = []
        self.failures = 0

    async def read(self, **kwargs: Any) -> Page:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("the log is away", reason="away")
        self.asked.append((kwargs["after"], kwargs["count_max"]))
        return await super().read(**kwargs)


async def test_every_event_is_delivered_once_in_order_whatever_the_page_size() -> None:
    log = MemoryLog()
    await rang(log, 23)
    for page_max in (1, 2, 7, 23, 100):
        notebook = Notebook(all=RANG)
        await engine(log, notebook, page_max=page_max).settle()
        assert notebook.seen["all"] == list(range(1, 24))
        assert notebook.kept["all"].position == 23


async def test_only_declared_types_are_delivered_and_the_checkpoint_passes_the_others() -> None:
    log = MemoryLog()
    await append(log, "bell-1", Hummed(number=1), Rang(number=2), Tripped(number=3), Hummed(number=4))
    notebook = Notebook(rings=RANG, both=BOTH)
    await engine(log, notebook).settle()
    assert notebook.seen == {"rings": [2], "both": [1, 2, 4]}
    assert {name: at.position for name, at in notebook.kept.items()} == {"rings": 4, "both": 4}


async def test_a_checkpoint_says_which_log_and_which_event() -> None:
    log = MemoryLog()
    await append(log, "bell-1", Rang(number=1), Hummed(number=2))
    notebook = Notebook(rings=RANG)
    await engine(log, notebook).settle()
    head = await log.head()
    assert notebook.kept["rings"] == Checkpoint(2, head.store_id, head.epoch, event_position=1, event_id="bell-1/0")


async def test_level_subscriptions_share_one_read() -> None:
    log = CountingLog()
    await rang(log, 10)
    notebook = Notebook(a=RANG, b=BOTH, c=EVERYTHING)
    await engine(log, notebook).step()
    assert log.asked == [(0, 100)]
    assert notebook.pages == [["a", "b", "c"]]


async def test_a_laggard_catches_up_by_itself_and_joins() -> None:
    log = MemoryLog()
    await rang(log, 10)
    notebook = Notebook(old=RANG)
    await engine(log, notebook).settle()
    notebook._interests["new"] = RANG
    notebook.seen["new"] = []
    both = engine(log, notebook, page_max=3)
    notebook.pages = []
    await both.settle()
    assert notebook.seen["new"] == notebook.seen["old"] == list(range(1, 11))
    assert notebook.pages[:2] == [["new"], ["new"]]
    notebook.pages = []
    await rang(log, 2)
    await both.settle()
    assert notebook.pages == [["old", "new"]]


async def test_who_joins_from_behind_gets_what_the_others_have_had_and_they_do_not_get_it_again() -> None:
    log = MemoryLog()
    await rang(log, 4)
    notebook = Notebook(old=RANG)
    await engine(log, notebook).settle()
    notebook._interests["new"] = RANG
    notebook.seen["new"] = []
    both = engine(log, notebook, page_max=5)
    await rang(log, 3)
    await both.settle()
    assert notebook.seen == {"old": [1, 2, 3, 4, 5, 6, 7], "new": [1, 2, 3, 4, 5, 6, 7]}
    assert notebook.pages[-1] == ["old", "new"]


async def test_a_poison_event_stops_its_own_subscription_alone() -> None:
    log = MemoryLog()
    await rang(log, 9)
    notebook = Notebook(frail=RANG, sound=RANG)
    notebook.stops_at["frail"] = 5
    runner = engine(log, notebook, page_max=4)
    with pytest.raises(BehindError, match=r"frail is behind .*stopped: frail cannot take Rang at position 5") as late:
        await runner.settle()
    assert late.value.remedy == "Mend the fold, then start again: it resumes at this event."
    assert notebook.seen == {"frail": [1, 2, 3, 4], "sound": list(range(1, 10))}
    frail, sound = runner.status()
    assert (frail.state, frail.position, frail.lag) == ("stopped", 4, 5)
    assert frail.error is not None
    assert "poison" in frail.error
    assert (sound.state, sound.position, sound.error) == ("running", 9, None)


async def test_after_a_fix_it_resumes_at_the_event_that_stopped_it() -> None:
    log = MemoryLog()
    await rang(log, 9)
    notebook = Notebook(frail=RANG)
    notebook.stops_at["frail"] = 5
    with pytest.raises(BehindError):
        await engine(log, notebook).settle()
    notebook.stops_at.clear()
    await engine(log, notebook).settle()
    assert notebook.seen["frail"] == list(range(1, 10))


async def test_in_the_background_it_catches_up_and_follows() -> None:
    log = MemoryLog()
    await rang(log, 3)
    notebook = Notebook(all=RANG)
    runner = engine(log, notebook)
    await runner.start()
    await runner.settle()
    await rang(log, 2)
    await runner.reach(["all"], 5, timeout_seconds=5)
    assert notebook.seen["all"] == [1, 2, 3, 4, 5]
    await runner.stop()


async def test_whoever_waits_is_woken_when_the_fold_gets_there_and_not_before() -> None:
    log = MemoryLog()
    notebook = Notebook(all=RANG)
    runner = engine(log, notebook)
    await runner.start()
    await runner.settle()
    notebook.gate.clear()
    waiting = asyncio.create_task(runner.reach(["all"], 1, timeout_seconds=60))
    await rang(log, 1)
    await notebook.entered.wait()
    assert not waiting.done()
    notebook.gate.set()
    await waiting
    assert notebook.seen["all"] == [1]
    await runner.stop()


async def test_what_came_behind_a_page_that_was_read_ahead_is_not_waited_for() -> None:
    log = MemoryLog()
    await rang(log, 3)
    notebook = Notebook(all=RANG)
    notebook.gate.clear()
    runner = engine(log, notebook, page_max=2)
    await runner.start()
    await notebook.entered.wait()
    for _ in range(5):
        await asyncio.sleep(0)  # The next page is read ahead now, and does not have the fourth event.
    await rang(log, 1)
    for _ in range(5):
        await asyncio.sleep(0)  # The engine hears of it.
    notebook.gate.set()
    await runner.reach(["all"], 4, timeout_seconds=5)
    await runner.stop()


async def test_who_is_late_says_how_late() -> None:
    log = MemoryLog()
    notebook = Notebook(all=RANG)
    runner = engine(log, notebook)
    await runner.start()
    notebook.gate.clear()
    await rang(log, 3)
    with pytest.raises(BehindError, match=r"all is behind \(position: 0, wanted: 3, lag: 3 events"):
        await runner.reach(["all"], 3, timeout_seconds=0.0)
    notebook.gate.set()
    await runner.stop()


async def test_databases_that_are_away_are_tried_again_until_they_are_back() -> None:
    log = CountingLog()
    await rang(log, 3)
    notebook = Notebook(all=RANG)
    notebook.failures = [StoreUnavailableError("the read database is away", reason="away") for _ in range(3)]
    runner = engine(log, notebook)
    await runner.start()
    log.failures = 3
    await runner.settle()
    assert notebook.seen["all"] == [1, 2, 3]
    assert [status.error for status in runner.status()] == [None]
    await runner.stop()


async def test_while_it_is_retried_the_status_says_what_is_in_the_way() -> None:
    log = MemoryLog()
    await rang(log, 1)
    notebook = Notebook(all=RANG)
    resting = asyncio.Event()

    def rest(failures: int) -> float:
        resting.set()
        return 3600.0

    notebook.failures = [StoreUnavailableError("the read database is away", reason="away")]
    runner = Engine(log, REGISTRY, notebook, backoff=rest)
    await runner.start()
    await resting.wait()
    (status,) = runner.status()
    assert (status.state, status.position) == ("retrying", 0)
    assert status.error is not None
    assert "the read database is away" in status.error
    await runner.stop()


async def test_a_bug_shows_in_the_status() -> None:
    log = MemoryLog()
    await rang(log, 1)
    notebook = Notebook(all=RANG)
    notebook.failures = [ZeroDivisionError("oops")]
    runner = engine(log, notebook)
    await runner.start()
    with pytest.raises(BehindError, match="stopped: The engine met ZeroDivisionError: oops"):
        await runner.settle()
    await runner.stop()


async def test_stopping_finishes_the_page_in_hand() -> None:
    log = MemoryLog()
    await rang(log, 3)
    notebook = Notebook(all=RANG)
    notebook.gate.clear()
    runner = engine(log, notebook, page_max=2)
    await runner.start()
    await notebook.entered.wait()
    stopping = asyncio.create_task(runner.stop())
    await asyncio.sleep(0)
    notebook.gate.set()
    await stopping
    assert notebook.seen["all"] == [1, 2]
    assert not runner.running


async def test_another_worker_that_was_faster_is_followed() -> None:
    log = MemoryLog()
    await rang(log, 6)
    notebook = Notebook(all=RANG)
    slow, fast = engine(log, notebook, page_max=2), engine(log, notebook)
    await slow.step()
    await fast.settle()
    await rang(log, 1)
    await slow.settle()
    assert notebook.seen["all"] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_subscription_that_another_process_runs_is_waited_for_by_its_checkpoint() -> None:
    log = MemoryLog()
    await rang(log, 2)
    notebook = Notebook(all=RANG)
    here, there = engine(log, notebook), engine(log, notebook)
    with pytest.raises(BehindError, match=r"all is behind \(position: 0, wanted: 2"):
        await here.reach(["all"], 2, timeout_seconds=0.0)
    waiting = asyncio.create_task(here.reach(["all"], 2, timeout_seconds=60))
    await there.settle()
    await waiting
    assert [(each.state, each.position) for each in await here.observe()] == [("unattended", 2)]


async def test_what_another_process_keeps_of_another_log_is_never_there() -> None:
    log = MemoryLog()
    await rang(log, 2)
    notebook = Notebook(all=RANG)
    notebook.kept["all"] = Checkpoint(2, "another-log", 1)
    with pytest.raises(BehindError, match=r"all is behind \(position: 0, wanted: 2"):
        await engine(log, notebook).reach(["all"], 2, timeout_seconds=0.0)


@pytest.mark.parametrize(
    ("other", "facts"),
    [
        (Checkpoint(1, "another-log", 1), "built from log another-log"),
        (Checkpoint(1, "same", 7), r"built from log .* \(epoch 7\)"),
        (Checkpoint(9, "same", 1), "built up to position 9, but the log ends at 3"),
        (Checkpoint(3, "same", 1, 3, "lost"), "built with event lost at position 3, but the log holds event bell-1/2"),
    ],
)
async def test_a_checkpoint_that_the_log_contradicts_stops_with_both_facts(other: Checkpoint, facts: str) -> None:
    log = MemoryLog()
    await rang(log, 3)
    head = await log.head()
    store_id = head.store_id if other.store_id == "same" else other.store_id
    notebook = Notebook(stray=RANG, sound=RANG)
    notebook.kept["stray"] = Checkpoint(other.position, store_id, other.log_epoch, other.event_position, other.event_id)
    with pytest.raises(BehindError, match=facts):
        await engine(log, notebook).settle()
    assert notebook.seen == {"stray": [], "sound": [1, 2, 3]}


async def test_pages_are_small_when_idle_and_grow_while_they_come_back_full() -> None:
    log = CountingLog()
    await rang(log, 1000)
    notebook = Notebook(all=RANG)
    runner = engine(log, notebook, page_max=400)
    await runner.settle()
    assert [count for _, count in log.asked] == [100, 200, 400, 400]
    for _ in range(2):
        await rang(log, 1)
        await runner.settle()
    assert [count for _, count in log.asked[4:]] == [100, 100]
