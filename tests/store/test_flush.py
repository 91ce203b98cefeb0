"""How a batch is cut into runs whose appends do not depend on one another."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.store.criteria import EVERYTHING, Criteria, Item
from twofold.store.flush import independent_runs
from twofold.store.port import Append, Appended, Condition, NewEvent, Verdict
from twofold.testing.memory import MemoryLog

STREAMS, TYPES, TAGS = ("a-1", "a-2", "b-1"), ("A", "B"), ("t=1", "t=2", "u=1")


def event(stream: str, type: str = "A", *tags: str) -> NewEvent:
    return NewEvent(stream, type, 1, b"{}", b"{}", tags)


def provided(*events: NewEvent, none: Criteria) -> Append:
    return Append(events, conditions=(Condition(none, 0),))


def drawn_appends() -> st.SearchStrategy[Append]:
    tags = st.lists(st.sampled_from(TAGS), max_size=3, unique=True).map(tuple)
    events = st.lists(st.builds(event, st.sampled_from(STREAMS), st.sampled_from(TYPES)) | _tagged(tags), max_size=2)
    types = st.lists(st.sampled_from(TYPES), max_size=2, unique=True).map(tuple)
    items = st.lists(st.builds(Item, types, tags), max_size=2).map(tuple)
    conditions = st.lists(st.builds(Condition, st.builds(Criteria, items), st.integers(0, 3)), max_size=2).map(tuple)
    expected = st.dictionaries(st.sampled_from(STREAMS), st.integers(0, 2), max_size=1)
    return st.builds(
        Append,
        events.map(tuple),
        expected,
        conditions,
        st.none() | st.sampled_from("kl"),
        st.sampled_from((b"1", b"2")),
    )


def _tagged(tags: st.SearchStrategy[tuple[str, ...]]) -> st.SearchStrategy[NewEvent]:
    return st.builds(lambda s, t, g: event(s, t, *g), st.sampled_from(STREAMS), st.sampled_from(TYPES), tags)


def depends(later: Append, earlier: Append) -> bool:
    """The definition, word by word."""
    return (
        (later.key is not None and later.key == earlier.key)
        or any(event.stream in later.expected for event in earlier.events)
        or any(event.stream in earlier.expected for event in later.events)
        or matched(later, earlier.events)
        or matched(earlier, later.events)
    )


def matched(conditioned: Append, events: Sequence[NewEvent]) -> bool:
    criteria = [condition.criteria for condition in conditioned.conditions]
    return any(one.matches(event.type, event.tags) for one in criteria for event in events)


@given(st.lists(drawn_appends(), max_size=8))
def test_a_run_ends_exactly_where_an_append_depends_on_one_of_it(batch: list[Append]) -> None:
    runs = independent_runs(batch)
    assert [index for run in runs for index in run] == list(range(len(batch)))
    for run in runs:
        assert not any(depends(batch[later], batch[earlier]) for later in run for earlier in run if earlier < later)
    for run, following in pairwise(runs):
        assert any(depends(batch[following[0]], batch[earlier]) for earlier in run)


@given(st.lists(drawn_appends(), max_size=6), st.lists(drawn_appends(), max_size=8))
def test_judged_run_by_run_the_verdicts_are_those_of_one_after_the_other(
    before: list[Append], batch: list[Append]
) -> None:
    asyncio.run(compare(before, batch))


async def compare(before: list[Append], batch: list[Append]) -> None:
    one_by_one, by_run = MemoryLog(), MemoryLog()
    await one_by_one.append(before)
    await by_run.append(before)
    expected = await one_by_one.append(batch)
    for run in independent_runs(batch):
        state = by_run
        judged = [(await copy.deepcopy(state).append([batch[index]]))[0] for index in run]
        written = await by_run.append([batch[index] for index in run])
        assert written == [expected[index] for index in run]
        assert [essence(verdict) for verdict in judged] == [essence(expected[index]) for index in run]


def essence(verdict: Verdict) -> object:
    """A verdict without the numbers that only the appends beside it decide."""
    return (Appended, verdict.replayed) if isinstance(verdict, Appended) else verdict


def test_appends_to_streams_of_their_own_are_one_run() -> None:
    batch = [Append((event(f"a-{number}"),), {f"a-{number}": 0}, key=f"k{number}") for number in range(64)]
    assert independent_runs(batch) == [list(range(64))]


def test_writers_of_one_stream_that_expect_nothing_are_one_run() -> None:
    assert independent_runs([Append((event("a-1"),))] * 3) == [[0, 1, 2]]


def test_rivals_for_one_version_follow_each_other() -> None:
    assert independent_runs([Append((event("a-1"),), {"a-1": 0})] * 3) == [[0], [1], [2]]


@pytest.mark.parametrize(
    "none",
    [EVERYTHING, Criteria.of(types=["A"]), Criteria.of(tags=["t=1", "u=1"]), Criteria.of(types=["A"], tags=["u=1"])],
    ids=str,
)
def test_a_condition_and_an_event_that_it_matches_are_apart_whichever_comes_first(none: Criteria) -> None:
    writer, judge = Append((event("a-1", "A", "t=1", "u=1"),)), provided(event("b-1", "B"), none=none)
    assert independent_runs([writer, judge]) == [[0], [1]]
    assert independent_runs([judge, writer]) == [[0], [1]]


def test_a_tag_that_all_share_does_not_part_what_another_tag_tells_apart() -> None:
    batch = [
        provided(event("a-1", "A", "all=1", f"own={number}"), none=Criteria.of(tags=["all=1", f"own={number}"]))
        for number in range(64)
    ]
    assert independent_runs(batch) == [list(range(64))]
