"""Fan-out: an event for all rows that hold a value, whichever those are when it is its turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from twofold.projections.fold import Fold
from twofold.projections.keys import Where
from twofold.projections.projection import Touch
from twofold.projections.table import Key


class FanOut:
    """Finds rows of a page by value. All that the database has were put into the fold before; others arise in it."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._columns = sorted({where.column for where in fold.wheres})
        self._found: dict[Where, dict[Key, None]] = {}
        self._changed: list[Key] = list(fold.rows)

    def expanded(self, touches: Iterable[Touch]) -> Iterator[Touch]:
        """The same touches with one for each row instead of each ``Where``. To be taken one by one: the next depends on it."""
        for touch in touches:
            if type(touch[0]) is not Where:
                self._changed.append(touch[0])
                yield touch
                continue
            self._note_changed()
            self._changed = [key for key in self._found.get(touch[0], ()) if self._holds(key, touch[0])]
            for key in tuple(self._changed):
                yield (key, *touch[1:])

    def _note_changed(self) -> None:
        for key in (*self._changed, *self._fold.moved_to):
            row = self._fold.current(key)
            for column in self._columns if row is not None else ():
                self._found.setdefault(Where(column, getattr(row, column)), {})[key] = None

    def _holds(self, key: Key, where: Where) -> bool:
        row: Any = self._fold.current(key)
        return row is not None and getattr(row, where.column) == where.value
