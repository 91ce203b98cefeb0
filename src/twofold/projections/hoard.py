"""Rows on their way to the database: a rebuild folds far more in memory than it writes, and writes it in large steps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from twofold.projections.group import Page
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Advance, Loading
from twofold.projections.projection import Projection
from twofold.projections.table import Changes, Key, Table
from twofold.subscriptions import Checkpoint


class Hoard:
    """The changes of many pages, over the rows that the database has."""

    def __init__(self, rows: Loading, projections: Collection[Projection]) -> None:
        self._rows = rows
        self._projections = {each.name: each for each in projections}
        self.clear()

    def clear(self) -> None:
        """Forget what was not written."""
        self._changed: dict[str, dict[Key, Any]] = {name: {} for name in self._projections}
        self._there: dict[str, set[Key]] = {name: set() for name in self._projections}
        self._parked: list[Parked] = []
        self._letters: list[Letter] = []
        self._start: Checkpoint | None = None
        self._end: Checkpoint | None = None

    @property
    def count(self) -> int:
        """How many rows have changed, and letters are kept."""
        return sum(map(len, self._changed.values())) + len(self._letters)

    @property
    def advance(self) -> Advance | None:
        """All of it as one step; None if there is nothing."""
        if self._start is None or self._end is None:
            return None
        return Advance(
            self._name,
            self._start,
            self._end,
            [changes for name in self._changed for changes in self._changes(name)],
            parked=self._parked,
            letters=self._letters,
        )

    def add(self, advance: Advance, page: Page) -> None:
        """What a page has changed comes on top of what is here."""
        self._name, self._end = advance.name, advance.end
        self._start = self._start or advance.start
        for fold in page.folds.values():
            changed, there = self._changed[fold.projection.name], self._there[fold.projection.name]
            # What was changed before came from here: only a row that is met for the first time is one that the database has.
            there |= (fold.changed.keys() - changed.keys()) & fold.rows.keys()
            changed.update(fold.changed)
        self._parked += advance.parked
        self._letters += advance.letters

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        """As ``Loading.load``, of the rows as they will be."""
        changed = self._changed[table.name]
        found = [row for key in keys if (row := changed.get(key)) is not None]
        missing = [key for key in keys if key not in changed]
        return found + (await self._rows.load(table, missing) if missing else [])

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        """As ``Loading.find``, of the rows as they will be."""
        changed, row_key, wanted = self._changed[table.name], self._projections[table.name].row_key, set(values)
        kept = [row for row in await self._rows.find(table, column, values) if row_key(row) not in changed]
        return kept + [row for row in changed.values() if row is not None and getattr(row, column) in wanted]

    def _changes(self, name: str) -> list[Changes]:
        """The rows that the database has in another state, and those that it does not have."""
        table, changed, there = self._projections[name].table, self._changed[name], self._there[name]
        others = [row for key, row in changed.items() if row is not None and key in there]
        gone = [key for key, row in changed.items() if row is None and key in there]
        new = [row for key, row in changed.items() if row is not None and key not in there]
        found = Changes(table, others, gone), Changes(table, new, are_new=True)
        return [changes for changes in found if changes.rows or changes.removed]
