"""Conditions over criteria: nothing that matches may stand after a position."""

from __future__ import annotations

import pytest

from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.port import Append, Appended, Condition, CriteriaConflict, EventStore
from twofold.testing.conformance.opened import OnOneLog, event, filled, positions, provided, verdict

BY_TYPE = Criteria.of(types=["B"])
BY_TAG = Criteria.of(tags=["t=1"])

# The log that the shapes are held against: position, type and tags are those of the lines.
FILLED = (
    event("x-1", "A", "t=1"),
    event("x-1", "B", "t=1", "u=1"),
    event("x-2", "B", "t=2"),
    event("x-2", "A", "u=1"),
    event("x-3", "C"),
)

# Criteria, and the newest position of FILLED that matches (0: none).
SHAPES = [
    (Criteria.of(types=["A"]), 4),
    (Criteria.of(types=["A", "B"]), 4),
    (Criteria.of(types=["Z"]), 0),
    (Criteria.of(types=["Z", "C"]), 5),
    (Criteria.of(tags=["t=1"]), 2),
    (Criteria.of(tags=["t=1", "u=1"]), 2),
    (Criteria.of(tags=["t=2", "u=1"]), 0),
    (Criteria.of(tags=["t=9"]), 0),
    (Criteria.of(types=["B"], tags=["t=2"]), 3),
    (Criteria.of(types=["A", "C"], tags=["t=1"]), 1),
    (Criteria.of(types=["C"], tags=["t=1"]), 0),
    (Criteria.of(types=["A"], tags=["t=1", "u=1"]), 0),
    (Criteria.of(types=["B"], tags=["t=1", "u=1"]), 2),
    (Criteria.of(tags=["t=2"]) | Criteria.of(tags=["t=1"]), 3),
    (Criteria.of(types=["Z"]) | Criteria.of(types=["A"], tags=["t=1"]), 1),
    (Criteria.of(types=["Z"]) | Criteria.of(tags=["t=9"]), 0),
    (Criteria.of(types=["B"], tags=["t=2"]) | Criteria.of(tags=["t=1", "u=1"]) | Criteria.of(types=["C"]), 5),
    (EVERYTHING, 5),
    (Criteria.of(tags=["t=1"]) | EVERYTHING, 5),
]


class Conditions(OnOneLog):
    @pytest.mark.parametrize(("criteria", "newest"), SHAPES, ids=str)
    async def test_criteria_of_any_shape_break_at_the_newest_match_and_hold_after_it(
        self, log: EventStore, criteria: Criteria, newest: int
    ) -> None:
        await filled(log, *FILLED)
        for after in range(newest):
            assert await verdict(log, provided(event("y-1"), none=criteria, after=after)) == CriteriaConflict(0, newest)
        assert await verdict(log, provided(none=criteria, after=newest)) == Appended(6, 5, {})
        assert await positions(log) == [1, 2, 3, 4, 5]

    async def test_a_condition_on_an_empty_log_holds(self, log: EventStore) -> None:
        answer = await verdict(log, provided(event("x-1"), none=EVERYTHING, after=0))
        assert answer == Appended(1, 1, {"x-1": 1})

    async def test_a_condition_after_the_head_holds_and_so_does_one_beyond_it(self, log: EventStore) -> None:
        await filled(log, *FILLED)
        assert await verdict(log, provided(event("y-1"), none=EVERYTHING, after=5)) == Appended(6, 6, {"y-1": 1})
        assert await verdict(log, provided(event("y-1"), none=EVERYTHING, after=99)) == Appended(7, 7, {"y-1": 2})

    async def test_the_first_broken_condition_is_named_by_its_place(self, log: EventStore) -> None:
        await filled(log, *FILLED)
        holds, broken = Condition(BY_TAG, 2), Condition(BY_TYPE, 2)
        assert await verdict(log, Append((), conditions=(holds, broken))) == CriteriaConflict(1, 3)
        assert await verdict(log, Append((), conditions=(broken, Condition(EVERYTHING, 0)))) == CriteriaConflict(0, 3)
        assert await verdict(log, Append((), conditions=(holds, Condition(BY_TYPE, 3)))) == Appended(6, 5, {})

    async def test_the_events_of_an_append_do_not_break_its_own_condition(self, log: EventStore) -> None:
        answer = await verdict(log, provided(event("x-1", "A", "t=1"), event("x-1", "B"), none=BY_TAG, after=0))
        assert answer == Appended(1, 2, {"x-1": 2})

    @pytest.mark.parametrize("criteria", [BY_TYPE, BY_TAG, EVERYTHING], ids=str)
    async def test_of_rivals_in_one_batch_one_wins(self, log: EventStore, criteria: Criteria) -> None:
        rivals = [provided(event(f"x-{rival}", "B", "t=1"), none=criteria, after=0) for rival in range(3)]
        assert await log.append(rivals) == [
            Appended(1, 1, {"x-0": 1}),
            CriteriaConflict(0, 1),
            CriteriaConflict(0, 1),
        ]

    async def test_an_append_without_conditions_breaks_those_after_it_in_the_batch(self, log: EventStore) -> None:
        batch = [
            provided(event("x-1", "A"), none=BY_TAG, after=0),
            Append((event("x-2", "C", "t=1"), event("x-2", "C", "t=1"))),
            provided(event("x-3", "A"), none=BY_TAG, after=0),
            provided(event("x-3", "A"), none=BY_TYPE, after=0),
        ]
        assert await log.append(batch) == [
            Appended(1, 1, {"x-1": 1}),
            Appended(2, 3, {"x-2": 2}),
            CriteriaConflict(0, 3),
            Appended(4, 4, {"x-3": 1}),
        ]

    async def test_a_refused_append_breaks_no_condition(self, log: EventStore) -> None:
        await filled(log, event("x-1", "B"))
        batch = [
            provided(event("x-2", "A", "t=1"), none=BY_TYPE, after=0),
            provided(event("x-3", "A", "t=1"), none=BY_TAG, after=0),
        ]
        assert await log.append(batch) == [CriteriaConflict(0, 1), Appended(2, 2, {"x-3": 1})]

    async def test_a_tag_is_compared_whole_and_exactly(self, log: EventStore) -> None:
        await filled(log, event("x-1", "A", "t=10"), event("x-1", "A", "T=1"), event("x-1", "A", "t=1 "))
        for tag in ("t=1", "t=", "t=100", "t=1%", "t=__"):
            assert isinstance(await verdict(log, provided(none=Criteria.of(tags=[tag]), after=0)), Appended), tag
        assert await verdict(log, provided(none=Criteria.of(tags=["t=1 "]), after=0)) == CriteriaConflict(0, 3)

    async def test_many_items_and_many_tags_are_one_condition(self, log: EventStore) -> None:
        await filled(log, event("x-1", "A", *(f"t={number}" for number in range(20))))
        every = Criteria.of(tags=[f"t={number}" for number in range(20)])
        wide = Criteria(tuple(item for number in range(20, 60) for item in Criteria.of(tags=[f"t={number}"]).items))
        assert await verdict(log, provided(none=every, after=0)) == CriteriaConflict(0, 1)
        assert await verdict(log, provided(none=wide, after=0)) == Appended(2, 1, {})
        assert await verdict(log, provided(none=wide | every, after=0)) == CriteriaConflict(0, 1)
