"""Why a subscription stopped is kept beside its checkpoint, as long as it stands there."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from tests.read_stores import append
from tests.subscriptions.notebook import AWAY, RANG, Notebook, Rang, engine
from twofold.errors import BehindError, FoldError, StoreRefusedError, TwofoldError
from twofold.subscriptions import Engine, Note, note_of
from twofold.testing.memory import MemoryLog


@pytest.fixture
async def log() -> MemoryLog:
    log = MemoryLog()
    await append(log, "bell-1", *(Rang(number=number) for number in range(5)))
    return log


async def run(runner: Engine) -> str:
    """Bring everything as far as it goes; what was in the way, if anything was."""
    try:
        await runner.settle()
    except BehindError as error:
        return str(error)
    return ""


async def facts_of(runner: Engine) -> tuple[str, int, Any]:
    (status,) = await runner.observe()
    return status.state, status.position, status.facts and (status.facts["event_type"], status.facts["position"])


async def test_what_stopped_a_subscription_is_seen_in_a_process_that_runs_nothing(log: MemoryLog) -> None:
    notebook = Notebook(all=RANG)
    notebook.stops_at["all"] = 4
    await run(engine(log, notebook))
    assert await facts_of(engine(log, notebook)) == ("stopped", 3, ("Rang", 4))


async def test_the_same_is_said_here_and_elsewhere(log: MemoryLog) -> None:
    notebook = Notebook(all=RANG)
    notebook.stops_at["all"] = 4
    here = engine(log, notebook)
    await run(here)
    (one,), (other,) = await here.observe(), await engine(log, notebook).observe()
    assert (one.error, one.facts) == (other.error, other.facts)
    assert other.error is not None
    assert "poison" in other.error


async def test_it_is_gone_when_the_subscription_goes_on(log: MemoryLog) -> None:
    notebook = Notebook(all=RANG)
    notebook.stops_at["all"] = 4
    await run(engine(log, notebook))
    del notebook.stops_at["all"]
    await engine(log, notebook).settle()
    assert notebook.noted == {}
    assert await facts_of(engine(log, notebook)) == ("unattended", 5, None)


async def test_one_that_a_worker_left_behind_says_nothing_of_a_checkpoint_that_has_moved(log: MemoryLog) -> None:
    notebook = Notebook(all=RANG)
    await engine(log, notebook).settle()
    notebook.noted["all"] = Note(3, "fold", "of a worker that came late", "{}")
    assert await facts_of(engine(log, notebook)) == ("unattended", 5, None)


async def test_a_note_that_could_not_be_kept_is_kept_at_the_next_try(log: MemoryLog) -> None:
    notebook = Notebook(all=RANG, other=RANG)
    notebook.stops_at["all"] = 4
    notebook.notes_fail = [AWAY]
    runner = engine(log, notebook)
    await runner.start()
    assert "cannot take" in await run(runner)
    await runner.stop()
    assert notebook.noted["all"].position == 3
    assert notebook.seen["other"] == [1, 2, 3, 4, 5]


async def test_what_a_subscriber_refuses_altogether_is_noted_for_each(log: MemoryLog) -> None:
    notebook = Notebook(all=RANG, other=RANG)
    notebook.failures = [StoreRefusedError("no", reason="schema", remedy="mend it")]
    runner = engine(log, notebook)
    await runner.start()
    await run(runner)
    await runner.stop()
    assert {name: note.code for name, note in notebook.noted.items()} == {
        "all": "store-refused",
        "other": "store-refused",
    }


@pytest.mark.parametrize("page_max", [1, 2, 3, 5])
@pytest.mark.parametrize("guilty", [1, 2, 3, 4, 5])
async def test_an_event_that_is_refused_with_its_page_is_found(log: MemoryLog, guilty: int, page_max: int) -> None:
    notebook = Notebook(all=RANG)
    notebook.refuses_pages_with = guilty
    assert "refused" in await run(engine(log, notebook, page_max=page_max))
    assert notebook.seen["all"] == list(range(1, guilty))
    assert notebook.kept_position("all") == guilty - 1


async def test_a_page_that_is_taken_in_halves_is_taken(log: MemoryLog) -> None:
    notebook = Notebook(all=RANG)
    notebook.refuses_pages_over = 2
    assert await run(engine(log, notebook)) == ""
    assert notebook.seen["all"] == [1, 2, 3, 4, 5]
    assert notebook.noted == {}


@pytest.mark.parametrize(
    "key", [None, 7, "f-1", (date(2024, 9, 1), "a"), "a\0b", "\ud800", 2**70, float("nan"), ["a", 1]]
)
def test_an_error_of_any_key_becomes_a_document(key: object) -> None:
    error = FoldError("all", event_type="Rang", position=4, key=key, reason="a \0 and \udfff")
    note = note_of(error, 3)
    assert note.values["position"] == 4
    assert "\0" not in note.message + note.facts
    assert (note.message + note.facts).encode()


def test_a_note_names_the_code_and_the_remedy() -> None:
    assert note_of(TwofoldError("fact", remedy="Mend it."), 0).values == {
        "code": "error",
        "message": "fact",
        "remedy": "Mend it.",
    }


async def test_nobody_waits_for_ever_where_not_even_the_note_of_a_bug_can_be_kept(log: MemoryLog) -> None:
    notebook = Notebook(a=RANG, b=RANG)
    notebook.failures, notebook.notes_fail = [RuntimeError("a bug")], [OSError("and another one")]
    runner = engine(log, notebook)
    await runner.start()
    async with asyncio.timeout(10):
        for name in ("a", "b"):
            with pytest.raises(BehindError, match="a bug"):
                await runner.reach([name], 5, timeout_seconds=3600)
        await runner.give_up(["a", "b"])
        await runner.stop()
