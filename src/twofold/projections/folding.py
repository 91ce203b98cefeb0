"""Folding over a database: the rows that a page touches are loaded or remembered, and the page changes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from twofold.errors import FoldError
from twofold.messages import Event, Recorded
from twofold.projections.fold import Fold
from twofold.projections.group import Group, Page
from twofold.projections.parking import Parking, Since
from twofold.projections.port import Loading
from twofold.projections.projection import Projection
from twofold.projections.shelf import Shelf
from twofold.projections.table import Changes, Key


class SpoiledError(Exception):
    """Rows were changed in vain, and cannot be loaded again as they were."""


class Folding:
    """Folds pages over rows, of which it remembers at most ``rows_max`` in all, so that hot ones are not loaded.

    Of the read models in ``followed`` each page remembers the rows as they were before it.
    """

    def __init__(self, projections: Collection[Projection], *, rows_max: int, followed: Collection[str] = ()) -> None:
        self._followed = followed
        self._shelves: dict[str, Shelf[Key, Any]] = {
            each.name: Shelf(rows_max // len(projections)) for each in projections
        }
        self._doubted: Mapping[str, set[str]] = {each.name: set() for each in projections}

    async def changed(
        self,
        rows: Loading,
        group: Group,
        events: Sequence[Recorded[Event]],
        parked: Mapping[str, Since] = MappingProxyType({}),
        *,
        parking: Parking | None = None,
        are_kept: bool = True,
    ) -> tuple[Page, Sequence[Changes]]:
        """What a page makes of the rows. ``FoldError`` for an event that cannot be folded: then ``forget`` the group.

        With ``parking``, keys are parked instead, but for the first event of each type that may leave a row half changed: from
        then on rows are copied before such events.

        A row that moves to where one stands is only seen in the end; then all of it is folded again. Where ``rows`` gives
        away what it has, instead of what is kept somewhere else, ``SpoiledError`` is raised for that.
        """
        taken: dict[type[Any], set[Key]] = {}
        known = len(parking.new) if parking is not None else 0
        while True:
            page = group.page(events, parked)
            for cls, keys in taken.items():
                page.folds[cls].keys |= keys
            if parking is not None:
                del parking.new[known:]  # What was parked by a fold in vain.
                page.let_park(parking.park, self._doubted)
            for fold in page.folds.values():
                await self._load(rows, fold)
                if fold.projection.name in self._followed:
                    fold.remember()
            changes, failed = _folded(page)
            taken = {cls: keys for cls, fold in page.folds.items() if (keys := await _there(rows, fold))}
            if not taken and failed is not None:
                raise failed
            if not taken:
                return page, changes
            self.forget(group)
            if not are_kept:
                raise SpoiledError

    def keep(self, page: Page) -> None:
        """Remember what became of the rows of a page. To be called when the database has it."""
        for fold in page.folds.values():
            self._shelves[fold.projection.name].put(fold.changed)

    def forget(self, group: Group) -> None:
        """Remember no row: they may be others there."""
        for projection in group.projections:
            self._shelves[projection.name].clear()

    async def _load(self, rows: Loading, fold: Fold) -> None:
        projection = fold.projection
        found, missing = self._shelves[projection.name].find(fold.keys)
        if fold.parked:
            missing = fold.awake(missing)
        fold.rows.update(found)
        if missing:
            fold.refuse_misfits(missing)
            loaded = await rows.load(projection.table, missing)
            fold.rows.update(zip(map(projection.row_key, loaded), loaded, strict=True))
        for column in {where.column for where in fold.wheres}:
            values = [where.value for where in fold.wheres if where.column == column]
            for row in await rows.find(projection.table, column, values):
                if fold.owns is None or fold.owns(projection.row_key(row)):
                    fold.rows.setdefault(projection.row_key(row), row)


def _folded(page: Page) -> tuple[Sequence[Changes], FoldError | None]:
    """What becomes of the rows, or the error that ends it, which may be due to what was assumed."""
    try:
        return page.fold(), None
    except FoldError as failed:
        return (), failed


async def _there(rows: Loading, fold: Fold) -> set[Key]:
    """Which of the keys that rows moved to are taken: seldom asked, because the page itself knows most."""
    if not fold.assumed:
        return set()
    found = await rows.load(fold.projection.table, fold.assumed)
    return set(map(fold.projection.row_key, found))
