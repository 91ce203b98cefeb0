"""Who runs what: everything has one worker, nobody has two more than another, and what runs stays where it is."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from twofold.subscriptions import Board, Lease, Wish, shares

NAMES = [f"view{number}" for number in range(7)]
WORKERS = ["w1", "w2", "w3", "w4"]


def lease(name: str, worker: str, left_seconds: float = 5.0) -> Lease:
    return Lease(name, worker, left_seconds, "running")


def board(workers: dict[str, list[str]], *leases: Lease) -> Board:
    return Board({each.name: each for each in leases}, {name: tuple(knows) for name, knows in workers.items()})


def test_one_worker_runs_everything() -> None:
    assert shares(board({"w1": NAMES})) == dict.fromkeys(NAMES, "w1")


def test_nobody_runs_what_nobody_knows() -> None:
    assert shares(board({})) == {}
    assert shares(board({"w1": ["a"]}, lease("b", "gone", -1.0))) == {"a": "w1"}


def test_a_second_worker_gets_half_and_the_first_keeps_the_rest() -> None:
    held = [lease(name, "w1") for name in NAMES]
    plan = shares(board({"w1": NAMES, "w2": NAMES}, *held))
    assert Counter(plan.values()) == {"w1": 4, "w2": 3}


def test_what_is_held_stays_where_shares_differ_by_one() -> None:
    held = [lease("a", "w2"), lease("b", "w1"), lease("c", "w2")]
    assert shares(board({"w1": ["a", "b", "c"], "w2": ["a", "b", "c"]}, *held)) == {"a": "w2", "b": "w1", "c": "w2"}


def test_what_has_ended_goes_to_the_one_with_the_least() -> None:
    held = [lease("a", "w1"), lease("b", "w1"), lease("c", "gone", -0.1)]
    assert shares(board({"w1": ["a", "b", "c"], "w2": ["a", "b", "c"]}, *held))["c"] == "w2"


def test_each_gets_only_what_it_knows() -> None:
    plan = shares(board({"w1": ["a", "b", "c"], "w2": ["d"]}))
    assert plan == {"a": "w1", "b": "w1", "c": "w1", "d": "w2"}


def test_what_is_left_out_is_nobodys() -> None:
    assert shares(board({"w1": ["a", "b"]}, lease("a", "w1")), besides={"a"}) == {"b": "w1"}


def test_a_pause_is_a_wish_and_a_rebuild_is_none() -> None:
    assert Board(wishes=[Wish("a", "pause"), Wish("b", "rebuild")]).paused == {"a"}


@given(
    st.dictionaries(st.sampled_from(WORKERS), st.sets(st.sampled_from(NAMES)), min_size=1),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from([*WORKERS, "gone"])),
)
def test_everybody_plans_the_same_and_a_plan_that_was_carried_out_stays(
    knows: dict[str, set[str]], holders: dict[str, str]
) -> None:
    workers = {worker: sorted(names) for worker, names in knows.items()}
    found = board(workers, *(lease(name, worker) for name, worker in holders.items()))
    plan = shares(found)
    assert plan.keys() == set().union(*knows.values())
    assert all(name in knows[worker] for name, worker in plan.items())
    loads = Counter(plan.values())
    for name, worker in plan.items():
        assert all(loads[worker] - loads[other] < 2 for other in knows if name in knows[other])
    assert shares(board(workers, *(lease(name, worker) for name, worker in plan.items()))) == plan
