"""A search finds what the criteria say, whichever index drives it."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backends.sqlite.appends import event
from twofold.backends.sqlite import criteria as searching
from twofold.backends.sqlite.criteria import Span, newest, page
from twofold.backends.sqlite.judge import Flush
from twofold.store.criteria import Criteria, Item
from twofold.store.migrations import load_migrations
from twofold.store.port import Append, NewEvent

TAGS = ("a=1", "a=2", "b=1", "c=1")
TYPES = ("T", "U", "V")
CATEGORIES = ("x", "y")
ITEMS = st.builds(
    lambda types, tags: Criteria.of(types=types, tags=tags).items[0],
    st.sets(st.sampled_from((*TYPES, "None")), max_size=2),
    st.sets(st.sampled_from((*TAGS, "none=1")), max_size=3),
)
EVENTS_OF_ANY_KIND = st.builds(
    lambda category, type, tags: event(f"{category}-1", type, *sorted(tags)),
    st.sampled_from(CATEGORIES),
    st.sampled_from(TYPES),
    st.sets(st.sampled_from(TAGS)),
)


@given(
    events=st.lists(EVENTS_OF_ANY_KIND, min_size=1, max_size=40),
    items=st.lists(ITEMS, min_size=1, max_size=5),
    category=st.sampled_from((None, *CATEGORIES, "z")),
    after=st.integers(0, 40),
    limit=st.integers(1, 10),
    way=st.integers(0, 5),
)
def test_a_search_finds_what_the_criteria_say_whatever_drives_it(
    events: list[NewEvent], items: list[Item], category: str | None, after: int, limit: int, way: int
) -> None:
    criteria, span = Criteria(tuple(dict.fromkeys(items))), Span(after, len(events), category)
    connection = _filled(events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "_NARROW", 0)
        patch.setattr(searching, "_ALTERNATIVES_MAX", 2)
        patch.setattr(searching, "_rarest", lambda _, item, span: _any_way(item, span, way))
        rows = connection.execute(*page(connection, criteria, span, limit)).fetchall()
        last = newest(connection, criteria, span)
    matching = [
        position
        for position, event in enumerate(events, start=1)
        if position > after
        and criteria.matches(event.type, event.tags)
        and (category is None or event.stream.startswith(f"{category}-"))
    ]
    assert [row[0] for row in rows] == matching[:limit]
    assert last == (matching[-1] if matching else 0)


def _any_way(item: Item, span: Span, way: int) -> object:
    ways = searching._ways(item, span)
    return ways[way % len(ways)]


def _filled(events: Sequence[NewEvent]) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute(load_migrations("twofold.backends.sqlite")[0].script)
    flush = Flush(connection, None, [Append(tuple(events))])
    flush.judge(Append(tuple(events)))
    flush.write()
    return connection
