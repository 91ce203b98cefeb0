"""From criteria to SQL: which index drives the search, and what is looked up beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from twofold.store.criteria import Criteria, Item
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.sqlite", "criteria.sql")

_NARROW = 256
"""A range of so few positions needs no thought: every index is short in it, and the log itself too."""
_PROBE = 64
_LONG_PROBE = 1024
_ALTERNATIVES_MAX = 400


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


_LOG = _Driver("by_position", "", "")


def newest(connection: apsw.Connection, criteria: Criteria, span: Span) -> int:
    """The position of the newest event that matches, or 0."""
    found = 0
    for search in searches(connection, criteria, span):
        for (position,) in connection.execute(_SQL["newest"].format(search=search.sql), search.values):
            found = max(found, position)
    return found


def page(connection: apsw.Connection, criteria: Criteria, span: Span, limit: int) -> Search:
    """The rows of the first ``limit`` events that match, in order."""
    alternatives = _merged(searches(connection, criteria, span), limit)
    return Search(_SQL["page"].format(alternatives=alternatives.sql), alternatives.values)


def _merged(alternatives: Sequence[Search], limit: int) -> Search:
    if len(alternatives) > _ALTERNATIVES_MAX:
        parts = [alternatives[at : at + _ALTERNATIVES_MAX] for at in range(0, len(alternatives), _ALTERNATIVES_MAX)]
        groups = [_merged(part, limit) for part in parts]
        return _merged([Search(_SQL["group"].format(alternatives=sql), values) for sql, values in groups], limit)
    sql = _SQL["alternatives"].format(searches=" union ".join(search.sql for search in alternatives))
    return Search(sql, (*(value for search in alternatives for value in search.values), limit))


def searches(connection: apsw.Connection, criteria: Criteria, span: Span) -> list[Search]:
    """Searches that together find what matches, each driven by the index that is rarest for its item."""
    items = (Item(),) if criteria.everything else criteria.items
    found = [_search(driver, item, span) for item in items for driver in _rarest(connection, item, span)]
    return list(dict.fromkeys(found))


def _rarest(connection: apsw.Connection, item: Item, span: Span) -> list[_Driver]:
    """Probe a few entries of each way, and more only if none of them has come to its end."""
    ways = _ways(item, span)
    width = span.until - span.after
    if len(ways) == 1 or width <= _NARROW:
        return ways[0]
    densities = [_density(connection, way, span, _PROBE) for way in ways]
    if min(densities) * width >= _PROBE:
        densities = [_density(connection, way, span, _LONG_PROBE) for way in ways]
    return ways[densities.index(min(densities))]


def _ways(item: Item, span: Span) -> list[list[_Driver]]:
    """Along one of the tags, along all the types, along the category, or along the log itself."""
    tag_source = "by_tag" if span.category is None else "by_tag_with_event"
    ways = [[_Driver(tag_source, "is_tag", tag)] for tag in item.tags]
    if not ways and span.until - span.after <= _NARROW:
        return [[_LOG]]
    if item.types:
        ways.append([_Driver("by_type", "is_type", type) for type in item.types])
    if span.category is not None:
        ways.append([_Driver("by_category", "is_category", span.category)])
    return ways or [[_LOG]]


def _density(connection: apsw.Connection, way: list[_Driver], span: Span, probe: int) -> float:
    """Entries per position: in the whole range if there are fewer than the probe takes, else where it begins."""
    density = 0.0
    for driver in way:
        bare = _search(driver, Item(), Span(span.after, span.until))
        count, last = connection.execute(_SQL["probe"].format(search=bare.sql), (*bare.values, probe)).get
        density += count / ((last if count == probe else span.until) - span.after)
    return density


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
