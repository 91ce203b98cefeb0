"""Which events: by type and by tag. Types inside an item are OR-ed, tags AND-ed, items OR-ed."""

from __future__ import annotations

from collections.abc import Collection

import msgspec


class Item(msgspec.Struct, frozen=True):
    """One alternative: an event of any of these ``types`` (none: of every type) that carries all ``tags``.

    A tag is written ``name=value``. Both are sorted and without doubles, so that equal items are equal.
    """

    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def matches(self, type: str, tags: Collection[str]) -> bool:
        return (not self.types or type in self.types) and all(tag in tags for tag in self.tags)

    def __str__(self) -> str:
        return " and ".join(filter(None, ["|".join(self.types), *self.tags])) or "every event"


class Criteria(msgspec.Struct, frozen=True):
    """Events that match at least one item. ``EVERYTHING`` has one item without types and tags."""

    items: tuple[Item, ...]

    @staticmethod
    def of(*, types: Collection[str] = (), tags: Collection[str] = ()) -> Criteria:
        """Criteria of one item, in normal form."""
        return Criteria((Item(tuple(sorted(set(types))), tuple(sorted(set(tags)))),))

    def __or__(self, other: Criteria) -> Criteria:
        return Criteria(tuple(dict.fromkeys(self.items + other.items)))

    @property
    def everything(self) -> bool:
        """Whether every event matches, so that no index but the log's own order is needed."""
        return any(not item.types and not item.tags for item in self.items)

    def matches(self, type: str, tags: Collection[str]) -> bool:
        return any(item.matches(type, tags) for item in self.items)

    def __str__(self) -> str:
        return str(self.items[0]) if len(self.items) == 1 else " or ".join(f"({item})" for item in self.items)


EVERYTHING = Criteria((Item(),))
