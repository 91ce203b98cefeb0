"""What a batch has added so far and the database does not show yet, found by tag and by type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from twofold.store.criteria import Criteria, Item
from twofold.store.port import NewEvent


class Added:
    """Events of this batch at their positions. Kept by tag, because appends of one batch rarely share one."""

    def __init__(self) -> None:
        self._all: list[tuple[int, NewEvent]] = []
        self._by_tag: defaultdict[str, list[tuple[int, NewEvent]]] = defaultdict(list)

    def add(self, position: int, event: NewEvent) -> None:
        self._all.append((position, event))
        for tag in event.tags:
            self._by_tag[tag].append((position, event))

    def newest(self, criteria: Criteria, after: int) -> int:
        """The position of the newest event after this one that matches, or 0."""
        return max((self._newest(item, after) for item in criteria.items), default=0)

    def _newest(self, item: Item, after: int) -> int:
        for position, event in reversed(self._candidates(item)):
            if position > after and item.matches(event.type, event.tags):
                return position
        return 0

    def _candidates(self, item: Item) -> Sequence[tuple[int, NewEvent]]:
        return min((self._by_tag.get(tag, ()) for tag in item.tags), key=len, default=self._all)
