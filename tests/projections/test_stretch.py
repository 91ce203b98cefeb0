"""Steps of a read model that follow each other: what a stretch takes, what it keeps, and behind which places it goes on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from twofold.projections.stretch import Commit, Round, Stretch, Turned
from twofold.subscriptions import Checkpoint

ROW = Turned("key", None, "row")


def at(position: int, epoch: int = 1) -> Checkpoint:
    return Checkpoint(position, "log", 1, position, f"e-{position}", epoch)


def commit(start: Checkpoint, end: Checkpoint) -> Commit:
    return Commit("view", start, end)


def stretch(changes_max: int = 100) -> Stretch:
    return Stretch("view", "view", changes_max=changes_max)


def take(into: Stretch, *positions: int, rows: Sequence[Turned] = (ROW,)) -> None:
    for start, end in itertools.pairwise(positions):
        assert into.take(commit(at(start), at(end)), rows)


def kept(of: Stretch) -> list[int]:
    return [of.round(number).end.position for number in range(of.first, of.next)]


def test_steps_follow_where_each_begins_at_the_end_of_the_last() -> None:
    steps = stretch()
    take(steps, 3, 5, 8)
    assert (kept(steps), steps.born, steps.end) == ([5, 8], at(3), at(8))
    assert not steps.take(commit(at(9), at(10)), [ROW])
    assert not steps.take(commit(at(5), at(8)), [ROW])
    assert not steps.take(commit(at(8, epoch=2), at(9, epoch=2)), [ROW])
    assert kept(steps) == [5, 8]


def test_a_step_that_only_raises_the_epoch_follows_too() -> None:
    steps = stretch()
    take(steps, 3, 5)
    assert steps.take(commit(at(5), at(5, epoch=2)), [ROW])
    assert steps.take(commit(at(5, epoch=2), at(6, epoch=2)), [ROW])
    assert kept(steps) == [5, 5, 6]


def test_the_steps_of_another_subscription_are_not_taken_for_its_own() -> None:
    steps = stretch()
    assert not steps.take(Commit("view#1", at(3), at(5)), [ROW])
    assert steps.end is None


def test_a_step_without_changed_rows_is_gone_by_and_not_kept() -> None:
    steps = stretch()
    take(steps, 3, 5)
    take(steps, 5, 7, rows=[])
    take(steps, 7, 9)
    assert kept(steps) == [5, 9]


def test_a_step_that_nobody_has_looked_at_is_where_a_stretch_begins_and_never_what_follows() -> None:
    steps = stretch()
    assert steps.take(commit(at(3), at(5)), None)
    assert (kept(steps), steps.born) == ([], at(5))
    assert not steps.take(commit(at(5), at(6)), None)


def test_the_oldest_steps_are_forgotten_whole_and_the_last_one_never() -> None:
    steps = stretch(changes_max=3)
    take(steps, 0, 1, 2, rows=[ROW, ROW])
    assert (kept(steps), steps.first, steps.is_whole) == ([2], 1, False)
    take(steps, 2, 3, rows=[ROW] * 10)
    assert (kept(steps), len(steps.round(2).rows)) == ([3], 10)


def test_it_goes_on_behind_what_it_keeps_and_not_behind_what_it_has_forgotten() -> None:
    steps = stretch(changes_max=2)
    take(steps, 0, 1, 2, 3)
    life = steps.life
    assert not steps.goes_on_behind(life, (0, 1), 0)
    assert steps.goes_on_behind(life, (1, 1), 0)  # All of that step has been seen, and what follows is kept.
    assert not steps.goes_on_behind(life, (1, 1), 1)
    assert steps.goes_on_behind(life, (2, 1), 1)
    assert steps.goes_on_behind(life, (7, 1), 0)  # Seen in the database before it was told here.


def test_a_place_in_another_stretch_is_one_here_only_where_this_one_begins() -> None:
    steps = stretch(changes_max=2)
    take(steps, 3, 4)
    assert steps.goes_on_behind("another", (3, 1), 0)
    assert not steps.goes_on_behind("another", (3, 1), 1)
    assert not steps.goes_on_behind("another", (3, 2), 0)
    assert not steps.goes_on_behind("another", (4, 1), 0)  # It may have come there by other steps.
    take(steps, 4, 5, 6)
    assert not steps.goes_on_behind("another", (3, 1), 0)


def test_where_it_begins_is_read_while_nothing_has_been_told() -> None:
    steps = stretch()
    assert steps.read(at(5))
    assert (steps.born, steps.end) == (at(5), at(5))
    take(steps, 5, 6)
    assert (kept(steps), steps.born) == ([6], at(5))
    steps = stretch()
    assert steps.read(at(5))
    assert not steps.take(commit(at(6), at(7)), [ROW])


def test_what_was_read_may_be_told_later_and_is_then_come_by() -> None:
    steps = stretch()
    assert steps.read(at(5))
    take(steps, 3, 4, 5, 6)
    assert (kept(steps), steps.born) == ([4, 5, 6], at(3))


def test_what_was_read_and_is_jumped_over_is_of_a_past_that_a_crash_has_undone() -> None:
    steps = stretch()
    assert steps.read(at(5))
    take(steps, 3, 4)
    assert not steps.take(commit(at(4), at(7)), [ROW])


def test_a_checkpoint_that_nobody_here_has_told_of_is_believed_at_the_second_look() -> None:
    steps = stretch()
    take(steps, 3, 5)
    assert steps.read(at(5))
    assert steps.read(at(6))
    take(steps, 5, 6)  # So that was it: it had been seen before it was told.
    assert steps.read(at(7))
    assert steps.read(at(6))
    assert steps.read(at(7))
    assert not steps.read(at(7))


def test_a_round_gives_what_comes_behind_a_place() -> None:
    rows = [Turned(key, None, key) for key in "abc"]
    step = Round(at(5), rows)
    assert step.behind((4, 1), 0) == rows
    assert step.behind((4, 9), 2) == rows
    assert step.behind((5, 1), 0) == []
    assert step.behind((5, 1), 2) == rows[1:]
    assert step.behind((5, 2), 0) == ()
    assert step.behind((6, 1), 2) == ()
