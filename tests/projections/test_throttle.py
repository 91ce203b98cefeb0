"""A rebuild rests while what serves is late, and at no other time: told by looks at positions, on a clock that is turned by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from twofold.projections.throttle import OTHERS_SECONDS, REST_SECONDS, RESTS_MAX, STILL_SECONDS, Lateness, Throttle


class Day:
    """A clock that moves only by rests, and a log and subscriptions that move as a test says."""

    def __init__(self, stands: Callable[[float], tuple[int, Mapping[str, int]]]) -> None:
        self.now, self.rested, self.looks, self.asked = 100.0, list[float](), 0, list[float]()
        self._stands = stands

    async def look(self) -> tuple[int, Mapping[str, int]]:
        self.looks += 1
        return self._stands(self.now - 100.0)

    async def rest(self, seconds: float) -> None:
        self.now += seconds
        if seconds:
            self.rested.append(seconds)

    async def others_done(self, timeout_seconds: float) -> None:
        self.asked.append(timeout_seconds)

    def throttle(self, lag_max_seconds: float = 0.05) -> Throttle:
        return Throttle(
            self.look,
            others_done=self.others_done,
            lag_max_seconds=lag_max_seconds,
            clock=lambda: self.now,
            rest=self.rest,
        )

    async def pages(self, throttle: Throttle, count: int, *, each_seconds: float = 0.01) -> None:
        for _ in range(count):
            self.now += each_seconds
            await throttle()


def test_who_reaches_each_end_that_was_seen_is_never_late() -> None:
    lateness = Lateness()
    seen = [lateness.seen(now, head, {"families": head - 3}) for now, head in ((0.0, 10), (1.0, 13), (2.0, 16))]
    assert seen == [0.0, 0.0, 0.0]


def test_one_is_late_since_the_look_that_saw_what_it_has_not_reached() -> None:
    lateness = Lateness()
    positions = [3, 5, 8, 10, 30]
    seen = [lateness.seen(now / 10, 10 + now * 5, {"families": at}) for now, at in enumerate(positions)]
    assert seen == pytest.approx([0.0, 0.1, 0.2, 0.2, 0.0])


def test_the_latest_one_counts_and_nobody_is_not_late() -> None:
    lateness = Lateness()
    lateness.seen(0.0, 10, {"families": 10, "orders": 4})
    assert lateness.seen(0.2, 20, {"families": 15, "orders": 5}) == pytest.approx(0.2)
    assert Lateness().seen(0.0, 10, {}) == 0.0


def test_one_that_does_not_move_at_all_is_not_helped_by_resting() -> None:
    lateness = Lateness()
    for now in (0.0, 0.5):
        lateness.seen(now, 10, {"families": 4})
    assert lateness.seen(STILL_SECONDS - 0.01, 10, {"families": 4}) > 0
    assert lateness.seen(STILL_SECONDS, 10, {"families": 4}) == 0.0


async def test_it_goes_on_without_a_rest_while_nobody_is_late() -> None:
    day = Day(lambda now: (int(now * 1000), {"families": int(now * 1000) - 5}))
    await day.pages(day.throttle(), 200)
    assert day.rested == []


async def test_looking_costs_little_because_it_is_done_twice_in_the_time_that_is_allowed() -> None:
    day = Day(lambda now: (10, {"families": 10}))
    await day.pages(day.throttle(lag_max_seconds=0.2), 100, each_seconds=0.01)
    assert 9 <= day.looks <= 11


async def test_it_rests_until_the_late_one_has_caught_up() -> None:
    # The one that serves stands 100 ms behind an end of the log that moves, and catches up a second later.
    def stands(now: float) -> tuple[int, Mapping[str, int]]:
        return int(now * 1000), {"families": int(now * 1000) - (100 if now < 1 else 0)}

    day = Day(stands)
    await day.pages(day.throttle(), 30)
    before = len(day.rested)
    assert before > RESTS_MAX
    assert set(day.rested) == {REST_SECONDS}
    await day.pages(day.throttle(), 30)
    assert len(day.rested) == before


async def test_however_late_the_others_are_a_page_is_built_now_and_then() -> None:
    day = Day(lambda now: (int(now * 1000), {"families": int(now * 10)}))
    throttle = day.throttle()
    await day.pages(throttle, 5)
    rested = len(day.rested)
    await day.pages(throttle, 1, each_seconds=1)
    assert len(day.rested) - rested == RESTS_MAX


async def test_what_is_under_way_here_goes_first_before_every_page() -> None:
    day = Day(lambda now: (10, {"families": 10}))
    await day.pages(day.throttle(), 7)
    assert day.asked == [OTHERS_SECONDS] * 7


async def test_others_are_at_work_while_the_log_grows_and_for_a_moment_after() -> None:
    day = Day(lambda now: (10 + int(min(now, 0.5) * 1000), {"families": 10 + int(min(now, 0.5) * 1000)}))
    throttle = day.throttle()
    await day.pages(throttle, 1)
    assert not throttle.is_busy()  # It has not seen it grow yet.
    await day.pages(throttle, 100)
    assert throttle.is_busy()
    await day.pages(throttle, 100)
    assert not throttle.is_busy()
