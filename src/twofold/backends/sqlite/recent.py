"""The newest events of the log in memory, so that most conditions are answered without asking the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from twofold.store.criteria import Criteria, Item
from twofold.store.port import NewEvent

_GENERATION = 4096


class _Entry(NamedTuple):
    position: int
    type: str
    tags: tuple[str, ...]


class _Generation:
    """Events in order after ``since``, found by tag and by type."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.all: list[_Entry] = []
        self._by_tag: defaultdict[str, list[_Entry]] = defaultdict(list)
        self._by_type: defaultdict[str, list[_Entry]] = defaultdict(list)

    def add(self, entry: _Entry) -> None:
        self.all.append(entry)
        self._by_type[entry.type].append(entry)
        for tag in entry.tags:
            self._by_tag[tag].append(entry)

    def newest(self, item: Item, after: int) -> int:
        return max((_newest(item, way, after) for way in self._ways(item)), default=0)

    def _ways(self, item: Item) -> Sequence[Sequence[_Entry]]:
        if item.tags:
            return [min((self._by_tag.get(tag, ()) for tag in item.tags), key=len)]
        return [self._by_type.get(type, ()) for type in item.types] or [self.all]


class Recent:
    """What this process appended last: the whole log after ``since``, as long as nobody else appends.

    It holds what the flush under way has added, too, which the database does not show yet. Two generations of 4096
    events each bound its size.
    """

    def __init__(self) -> None:
        self._older = self._newer = _Generation(0)
        self._head = -1

    @property
    def since(self) -> int:
        return self._older.since

    def begin(self, head: int) -> None:
        """A flush begins at this head. If that is not where the last one ended, somebody else has appended."""
        if head != self._head:
            self._older, self._newer, self._head = _Generation(head), _Generation(head), head

    def add(self, position: int, event: NewEvent) -> None:
        self._newer.add(_Entry(position, event.type, event.tags))
        self._head = position
        if len(self._newer.all) >= _GENERATION:
            self._older, self._newer = self._newer, _Generation(position)

    def newest(self, criteria: Criteria, after: int) -> int:
        """The position of the newest event after this one and after ``since`` that matches, or 0."""
        return max(self._newer.newest(item, after) or self._older.newest(item, after) for item in criteria.items)


def _newest(item: Item, way: Sequence[_Entry], after: int) -> int:
    for entry in reversed(way):
        if entry.position <= after:
            break
        if item.matches(entry.type, entry.tags):
            return entry.position
    return 0
