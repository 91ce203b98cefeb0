"""The newest events in memory say what the log would say, or that they do not reach back so far."""

from __future__ import annotations

import pytest

from tests.backends.sqlite.appends import event
from twofold.backends.sqlite import recent as remembering
from twofold.backends.sqlite.recent import Recent
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.port import NewEvent


def remembered(*events: NewEvent, head: int = 0) -> Recent:
    recent = Recent()
    recent.begin(head)
    for position, added in enumerate(events, start=head + 1):
        recent.add(position, added)
    return recent


SEVEN = event("a-1", "Sold", "customer=7", "item=1")
EIGHT = event("a-2", "Sold", "customer=8", "item=1")
NOTED = event("a-3", "Noted")


@pytest.mark.parametrize(
    ("criteria", "newest"),
    [
        (Criteria.of(tags=["customer=7"]), 1),
        (Criteria.of(tags=["item=1"]), 2),
        (Criteria.of(tags=["customer=7", "item=1"]), 1),
        (Criteria.of(tags=["customer=9", "item=1"]), 0),
        (Criteria.of(types=["Sold"]), 2),
        (Criteria.of(types=["Sold", "Noted"]), 3),
        (Criteria.of(types=["Noted"], tags=["item=1"]), 0),
        (Criteria.of(tags=["customer=7"]) | Criteria.of(types=["Noted"]), 3),
        (EVERYTHING, 3),
    ],
    ids=str,
)
def test_the_newest_match_is_found(criteria: Criteria, newest: int) -> None:
    assert remembered(SEVEN, EIGHT, NOTED).newest(criteria, 0) == newest


def test_what_stands_at_or_before_the_position_asked_for_does_not_count() -> None:
    assert remembered(SEVEN, EIGHT).newest(Criteria.of(tags=["customer=7"]), 1) == 0


def test_a_log_that_moved_elsewhere_is_not_remembered() -> None:
    recent = remembered(SEVEN)
    recent.begin(5)
    assert recent.since == 5
    assert recent.newest(Criteria.of(tags=["customer=7"]), 0) == 0


def test_a_log_that_is_where_it_was_is_remembered_on() -> None:
    recent = remembered(SEVEN, head=5)
    recent.begin(6)
    recent.add(7, EIGHT)
    assert recent.since == 5
    assert recent.newest(Criteria.of(tags=["item=1"]), 5) == 7
    assert recent.newest(Criteria.of(tags=["customer=7"]), 5) == 6


def test_only_so_much_is_remembered_and_it_is_known_how_far_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "_GENERATION", 10)
    recent = remembered(*(event("a-1", "Sold", f"customer={number}") for number in range(1, 36)))
    assert recent.since == 20
    assert recent.newest(Criteria.of(tags=["customer=21"]), 20) == 21
    assert recent.newest(Criteria.of(tags=["customer=20"]), 0) == 0
