"""From criteria to SQL: which index drives the search, and what is looked up beside it."""

from __future__ import annotations

from typing import NamedTuple

import apsw

from twofold.store.criteria import Criteria, Item
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.sqlite", "criteria.sql")

_NARROW = 256
"""In a range of so few positions every index is short, and asking which is the shortest costs more than it saves."""
_COUNT_FIRST = 64
_COUNT_LAST = 1 << 16


class Span(NamedTuple):
    """The positions in ``(after, until]``, and of one category only if one is given."""

    after: int
    until: int
    category: str | None = None


class Search(NamedTuple):
    """A select of positions in order, with the values it binds."""

    sql: str
    values: tuple[str | int, ...]


class _Driver(NamedTuple):
    """What a search walks along: the entries of one index, under one value of it."""

    source: str
    condition: str
    value: str


def newest(connection: apsw.Connection, criteria: Criteria, span: Span) -> int:
    """The position of the newest event that matches, or 0."""
    found = 0
    for search in searches(connection, criteria, span):
        for (position,) in connection.execute(_SQL["newest"].format(search=search.sql), search.values):
            found = max(found, position)
    return found


def page(connection: apsw.Connection, criteria: Criteria, span: Span, limit: int) -> Search:
    """The rows of the first ``limit`` events that match, in order."""
    found = searches(connection, criteria, span)
    alternatives = _SQL["alternatives"].format(searches=" union ".join(search.sql for search in found))
    values = [value for search in found for value in search.values]
    return Search(_SQL["page"].format(alternatives=alternatives), (*values, limit))


def searches(connection: apsw.Connection, criteria: Criteria, span: Span) -> list[Search]:
    """Searches that together find what matches, each driven by the shortest index that its item allows."""
    items = (Item(),) if criteria.everything else criteria.items
    found = [
        _search(driver, item, span) for item in items for driver in _shortest(connection, _drivers(item, span), span)
    ]
    return list(dict.fromkeys(found))


def _drivers(item: Item, span: Span) -> list[list[_Driver]]:
    """The ways to walk: along one of the tags, along all the types, along the category, or along the log itself."""
    of_tag = "by_tag" if span.category is None else "by_tag_with_event"
    ways = [[_Driver(of_tag, "is_tag", tag)] for tag in item.tags]
    if item.types:
        ways.append([_Driver("by_type", "is_type", type) for type in item.types])
    if span.category is not None:
        ways.append([_Driver("by_category", "is_category", span.category)])
    return ways or [[_Driver("by_position", "", "")]]


def _shortest(connection: apsw.Connection, ways: list[list[_Driver]], span: Span) -> list[_Driver]:
    """Count a few entries of each, and more only while nobody has come to an end."""
    if len(ways) == 1 or span.until - span.after <= _NARROW:
        return ways[0]
    limit = _COUNT_FIRST
    while True:
        counts = [sum(_count(connection, driver, span, limit) for driver in way) for way in ways]
        if min(counts) < limit or limit >= _COUNT_LAST:
            return ways[counts.index(min(counts))]
        limit *= 16


def _count(connection: apsw.Connection, driver: _Driver, span: Span, limit: int) -> int:
    bare = _search(driver, Item(), Span(span.after, span.until))
    count: int = connection.execute(_SQL["count"].format(search=bare.sql), (*bare.values, limit)).get
    return count


def _search(driver: _Driver, item: Item, span: Span) -> Search:
    row = "e" if driver.source == "by_tag_with_event" else "d"
    sql = [_SQL[driver.source], _SQL["range"]]
    values: list[str | int] = [span.after, span.until]
    if driver.condition:
        sql.append(_SQL[driver.condition].format(row=row))
        values.append(driver.value)
    for tag in item.tags:
        if (driver.condition, driver.value) != ("is_tag", tag):
            sql.append(_SQL["has_tag"])
            values.append(tag)
    if item.types and driver.condition != "is_type":
        sql.append(_SQL["is_one_of_types"].format(marks=", ".join("?" * len(item.types))))
        values.extend(item.types)
    if span.category is not None and driver.condition != "is_category":
        sql.append(_SQL["is_category"].format(row=row))
        values.append(span.category)
    return Search(" ".join(sql), tuple(values))
