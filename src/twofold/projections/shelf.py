"""A bounded memory of rows, so that what is hot is not loaded again for every page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """Keeps the newest ``count_max`` values; what was put longest ago goes first."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._kept: dict[K, V] = {}

    def take(self, keys: Iterable[K]) -> tuple[dict[K, V], list[K]]:
        """Take what is here of these keys off the shelf, and say what is not. Who changes a value puts it back when kept."""
        kept, found, missing = self._kept, {}, []
        for key in keys:
            if key in kept:
                found[key] = kept.pop(key)
            else:
                missing.append(key)
        return found, missing

    def put(self, values: Mapping[K, V]) -> None:
        """Put these in front."""
        self._kept.update(values)
        for key in list(self._kept)[: max(len(self._kept) - self._count_max, 0)]:
            del self._kept[key]

    def clear(self) -> None:
        self._kept.clear()
