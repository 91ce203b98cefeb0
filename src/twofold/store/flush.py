"""Which appends of a batch may be judged together: a pure plan for backends that work on whole sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twofold.store.criteria import Item
from twofold.store.port import Append, NewEvent


def independent_runs(batch: Sequence[Append]) -> list[list[int]]:
    """Cut a batch into runs, each a list of neighbouring indexes, so that no verdict inside a run depends on another of it.

    The runs, one after the other, give the verdicts and positions that the appends would get one by one. A run ends
    before the first append that depends on one of it. An append depends on an earlier one that

    - has the same key,
    - writes to a stream whose version it expects, or expects the version of a stream that it writes to,
    - writes an event that its criteria match, or has criteria that match an event that it writes.

    Two appends that write to one stream with no expectation are independent: the backend numbers them in order.
    """
    runs: list[list[int]] = []
    seen = _Seen()
    for index, append in enumerate(batch):
        if not runs or seen.touches(append):
            runs.append([])
            seen = _Seen()
        runs[-1].append(index)
        seen.add(append)
    return runs


class _Seen:
    """What the appends of one run have touched, kept so that looking at one more costs the same whatever came before."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._written: set[str] = set()
        self._expected: set[str] = set()
        self._events: list[NewEvent] = []
        self._index = _Events()
        self._items = _Items()

    def touches(self, append: Append) -> bool:
        return (
            append.key in self._keys
            or not self._written.isdisjoint(append.expected)
            or not self._expected.isdisjoint([event.stream for event in append.events])
            or (bool(append.conditions) and self._index.matched_by(_items(append), self._events))
            or (self._items.any and self._items.match(append.events))
        )

    def add(self, append: Append) -> None:
        if append.key is not None:
            self._keys.add(append.key)
        self._expected.update(append.expected)
        for event in append.events:
            self._written.add(event.stream)
        self._events += append.events
        if append.conditions:
            self._items.add(_items(append))


class _Events:
    """Events by tag and type, indexed when the first condition asks, so that an item looks only at those with its rarest tag."""

    def __init__(self) -> None:
        self._indexed = 0
        self._by_tag: dict[str, list[NewEvent]] = {}
        self._types: set[str] = set()

    def matched_by(self, items: Iterable[Item], events: Sequence[NewEvent]) -> bool:
        """Whether any of the items matches any of the events, which are always the same list, perhaps longer."""
        for event in events[self._indexed :]:
            self._types.add(event.type)
            for tag in event.tags:
                self._by_tag.setdefault(tag, []).append(event)
        self._indexed = len(events)
        return any(map(self._match, items))

    def _match(self, item: Item) -> bool:
        if not item.tags:
            return self._indexed > 0 if not item.types else not self._types.isdisjoint(item.types)
        rarest: Sequence[NewEvent] | None = None
        for tag in item.tags:
            tagged = self._by_tag.get(tag)
            if tagged is None:
                return False
            if rarest is None or len(tagged) < len(rarest):
                rarest = tagged
        return any(item.matches(event.type, event.tags) for event in rarest or ())


class _Items:
    """Items of conditions, each under its tag that the fewest others are under, so that an event looks at few of them."""

    def __init__(self) -> None:
        self.any = False
        self._everything = False
        self._types: set[str] = set()
        self._by_tag: dict[str, list[Item]] = {}

    def add(self, items: Iterable[Item]) -> None:
        self.any = True
        for item in items:
            if item.tags:
                min([self._by_tag.setdefault(tag, []) for tag in item.tags], key=len).append(item)
            elif item.types:
                self._types.update(item.types)
            else:
                self._everything = True

    def match(self, events: Iterable[NewEvent]) -> bool:
        """Whether any of the events matches any of the items."""
        return any(map(self._match, events))

    def _match(self, event: NewEvent) -> bool:
        if self._everything or event.type in self._types:
            return True
        for tag in event.tags:
            for item in self._by_tag.get(tag, ()):
                if item.matches(event.type, event.tags):
                    return True
        return False


def _items(append: Append) -> Sequence[Item]:
    if len(append.conditions) == 1:
        return append.conditions[0].criteria.items
    return [item for condition in append.conditions for item in condition.criteria.items]
