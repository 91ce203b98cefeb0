"""Leases, on each database: one holder at a time, ended by the database's clock, each new one fencing the one before."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from twofold.projections import Advance, ReadStore
from twofold.rooms import LeasedReads
from twofold.subscriptions import Checkpoint, Leases, Report, Wish
from twofold.subscriptions.leases import LONGER_MAX

LONG, SHORT, OVER = 3600.0, 60.0, -1.0


@pytest.fixture
def leases(reads: ReadStore) -> Leases:
    return cast(LeasedReads, reads).leases


async def test_a_lease_has_one_holder(leases: Leases) -> None:
    assert await leases.take("one", ["a", "b"], seconds=LONG) == {"a", "b"}
    assert await leases.take("two", ["b", "c"], seconds=LONG) == {"c"}
    board = await leases.board()
    assert (board.held_by("one"), board.held_by("two")) == ({"a", "b"}, {"c"})
    assert (board.holder("a"), board.holder("nothing")) == ("one", None)


async def test_one_that_has_ended_may_be_taken_and_one_that_was_given_back(leases: Leases) -> None:
    await leases.take("one", ["a"], seconds=OVER)
    assert (await leases.board()).holder("a") is None
    assert await leases.take("two", ["a"], seconds=LONG) == {"a"}
    await leases.give_back("one", ["a"])
    assert (await leases.board()).holder("a") == "two", "only the holder can give it back"
    await leases.give_back("two", ["a"])
    assert await leases.take("three", ["a"], seconds=LONG) == {"a"}


async def test_of_many_who_take_at_once_each_lease_goes_to_one(leases: Leases) -> None:
    names = [f"view{number}" for number in range(10)]
    taken = await asyncio.gather(*(leases.take(f"w{number}", names, seconds=LONG) for number in range(4)))
    assert sorted(name for some in taken for name in some) == names


async def test_whoever_signs_keeps_what_he_holds_and_not_what_was_taken_from_him(leases: Leases) -> None:
    await leases.take("one", ["a", "b"], seconds=OVER)
    await leases.take("two", ["b"], seconds=LONG)
    board = await leases.sign("one", ["a", "b"], [], seconds=LONG)
    assert (board.held_by("one"), board.held_by("two")) == ({"a"}, {"b"})
    assert board.workers == {"one": ("a", "b")}


async def test_a_report_is_kept_for_what_one_holds(leases: Leases) -> None:
    await leases.take("one", ["a"], seconds=LONG)
    told = [Report("a", "stalled", 12.5, "a full disk"), Report("b", "running")]
    await leases.sign("one", ["a"], told, seconds=LONG)
    await leases.sign("two", ["a"], [Report("a", "running")], seconds=LONG)
    found = (await leases.board()).leases
    assert found.keys() == {"a"}
    assert (found["a"].state, found["a"].rate, found["a"].error) == ("stalled", 12.5, "a full disk")


async def test_whoever_signs_out_gives_everything_back_and_is_gone(leases: Leases) -> None:
    await leases.sign("one", ["a"], [], seconds=LONG)
    await leases.sign("two", ["a"], [], seconds=LONG)
    await leases.take("one", ["a"], seconds=LONG)
    await leases.sign_out("one")
    board = await leases.board()
    assert (board.leases, board.workers) == ({}, {"two": ("a",)})


async def test_a_worker_that_has_not_signed_in_time_is_not_counted(leases: Leases) -> None:
    assert (await leases.sign("one", ["a"], [], seconds=OVER)).workers == {}


async def test_after_the_clock_was_set_back_nobody_seems_to_live_or_hold_anything_for_much_longer_than_others(
    leases: Leases,
) -> None:
    await leases.sign("gone", ["a"], [], seconds=LONG)
    await leases.take("gone", ["a"], seconds=LONG)
    board = await leases.sign("two", ["a"], [], seconds=LONG / LONGER_MAX)
    assert (board.holder("a"), set(board.workers)) == ("gone", {"gone", "two"})
    assert board.leases["a"].left_seconds > LONG / LONGER_MAX
    board = await leases.sign("two", ["a"], [], seconds=SHORT)
    assert (board.holder("a"), set(board.workers)) == ("gone", {"gone", "two"})
    assert 0 < board.leases["a"].left_seconds <= SHORT
    board = await leases.sign("two", ["a"], [], seconds=OVER)
    assert (board.holder("a"), set(board.workers)) == (None, set())


async def test_taking_fences_whoever_runs_it(reads: ReadStore, leases: Leases) -> None:
    start = Checkpoint(0, "log", 1)
    here = Checkpoint(5, "log", 1, event_position=5, event_id="e")
    assert await reads.save([Advance("a", start, here), Advance("b", start, here)]) == [True, True]
    assert await leases.take("two", ["a"], seconds=LONG) == {"a"}
    later = Checkpoint(9, "log", 1, event_position=9, event_id="f")
    assert await reads.save([Advance("a", here, later), Advance("b", here, later)]) == [False, True]
    (found,) = (await reads.checkpoints(["a"])).values()
    assert (found.position, found.epoch) == (5, 2)


async def test_what_cannot_be_taken_is_not_fenced_and_nobody_is_where_that_is_not_wanted(
    reads: ReadStore, leases: Leases
) -> None:
    await reads.save([Advance("a", Checkpoint(0, "log", 1), Checkpoint(5, "log", 1))])
    await leases.take("one", ["a"], seconds=LONG, fence=False)
    await leases.take("two", ["a"], seconds=LONG)
    assert (await reads.checkpoints(["a"]))["a"].epoch == 1
    await leases.fence(["a", "never moved"])
    assert (await reads.checkpoints(["a"]))["a"].epoch == 2


async def test_wishes_are_kept_until_they_are_taken_back(leases: Leases) -> None:
    await leases.wish(Wish("a", "rebuild", "0123"))
    await leases.wish(Wish("a", "pause"))
    await leases.wish(Wish("a", "rebuild", "4567"))
    board = await leases.board()
    assert sorted((each.verb, each.code) for each in board.wishes) == [("pause", ""), ("rebuild", "4567")]
    await leases.unwish("a", ["rebuild", "build"])
    assert [each.verb for each in (await leases.board()).wishes] == ["pause"]
