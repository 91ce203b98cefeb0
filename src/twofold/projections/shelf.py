"""A bounded memory of rows, so that what is hot is not loaded again for every page."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Shelf(Generic[K, V]):
    """Keeps the newest values, at least ``count_max / 2`` of them and at most ``count_max``.

    Two halves: new values go into the young one; when that is full it becomes the old one, whose values are forgotten
    unless they were asked for meanwhile. That costs nothing per value, where an exact order would.
    """

    def __init__(self, count_max: int) -> None:
        self._half = count_max // 2
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def find(self, keys: AbstractSet[K]) -> tuple[dict[K, V], AbstractSet[K]]:
        """The values of these keys that are here, and the keys that are not."""
        found = {key: self._young[key] for key in self._young.keys() & keys}
        if self._old:
            found |= {key: self._old[key] for key in self._old.keys() & (keys - found.keys())}
        return found, keys - found.keys()

    def put(self, values: Mapping[K, V | None]) -> None:
        """Keep these, in place of older ones with the same keys; None is a value that is gone."""
        gone = [key for key, value in values.items() if value is None]
        for key in gone:
            self._young.pop(key, None)
            self._old.pop(key, None)
        self._keep({key: value for key, value in values.items() if value is not None})

    def _keep(self, values: Mapping[K, V]) -> None:
        if len(values) > self._half:
            values = dict(list(values.items())[-self._half :]) if self._half else {}
            self.clear()
        self._young.update(values)
        if len(self._young) > self._half:
            self._old = self._young
            self._young = {}

    def clear(self) -> None:
        """Forget everything: somebody else may have changed it."""
        self._young, self._old = {}, {}
