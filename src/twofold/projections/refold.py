"""Folding keys again from the log: twice, on independent copies, so that what depends on anything else is found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from twofold.errors import FoldError
from twofold.messages import Event, Recorded, Registry
from twofold.projections.fold import Fold
from twofold.projections.folding import Folding
from twofold.projections.group import Group, Page
from twofold.projections.keys import Where
from twofold.projections.ledger import Ledger, Values
from twofold.projections.parking import Since
from twofold.projections.table import Changes, Key
from twofold.store.port import EventStore
from twofold.subscriptions.pages import Pages

PAGE_MAX = 2000
PAGE_BYTES_MAX = 8 << 20

_UNFIT = (TypeError, ValueError, OverflowError)


class TooManyRowsError(Exception):
    """There are more rows than may be held at once: do it in smaller parts."""


class Refold:
    """The rows of a group as the log makes them, in ``ledger``; at most ``rows_max`` of them.

    One fold remembers its rows, as a worker does that goes on, the other loads them for each page as they would be kept,
    as one does that has just started. ``unsure`` are the keys where they came to different rows, with the columns;
    ``failing`` those that an event could not be folded into, with its error.
    """

    def __init__(self, log: EventStore, registry: Registry, group: Group, *, rows_max: int) -> None:
        self._pages = Pages(log, registry, count_max=lambda: PAGE_MAX, bytes_max=PAGE_BYTES_MAX)
        self._rows_max = rows_max
        self._remembering = Folding(group.projections, rows_max=2 * rows_max * len(group.projections))
        self._loading = Folding(group.projections, rows_max=0)
        self.ledger = Ledger(group.projections)
        self.unsure: dict[str, dict[Key, Sequence[str]]] = {each.name: {} for each in group.projections}
        self.failing: dict[str, dict[Key, FoldError]] = {each.name: {} for each in group.projections}

    async def go_on(
        self,
        part: Group,
        after: int,
        until: int,
        parked: Mapping[str, Since],
        tell: Callable[[int], None] = lambda position: None,
    ) -> Mapping[str, AbstractSet[Key]]:
        """Fold what is part of the group on from one position to another; the keys whose rows that changed.

        ``TooManyRowsError`` when they are more than may be held, ``FoldError`` for an event whose key cannot be said.
        """
        changed: dict[str, set[Key]] = {each.name: set() for each in part.projections}
        try:
            while after < until:
                batch = await self._pages.after(after, part.types)
                events = [each for each in batch.events if each.position <= until]
                for name, keys in (await self._take(part, events, parked)).items():
                    changed[name] |= keys
                after = min(batch.reached, until)
                if len(self.ledger) > self._rows_max:
                    raise TooManyRowsError
                tell(after)
        finally:
            await self._pages.close()
        return changed

    async def _take(
        self, part: Group, events: Sequence[Recorded[Event]], parked: Mapping[str, Since]
    ) -> Mapping[str, AbstractSet[Key]]:
        while True:
            try:
                page, once = await self._folded(self._remembering, part, events, parked)
                _, again = await self._folded(self._loading, part, events, parked)
            except FoldError as error:
                self._remembering.forget(part)
                self._note(error)
            else:
                self._compare(once, again)
                self.ledger.take(again)
                self._remembering.keep(page)
                return {name: rows.keys() for name, rows in again.items()}

    async def _folded(
        self, folding: Folding, part: Group, events: Sequence[Recorded[Event]], parked: Mapping[str, Since]
    ) -> tuple[Page, dict[str, dict[Key, Values | None]]]:
        stopped = {name: {key: error.position for key, error in keys.items()} for name, keys in self.failing.items()}
        since = {name: dict(parked.get(name, {})) | keys for name, keys in stopped.items()}
        page, changes = await folding.changed(self.ledger, part, events, since)
        try:
            return page, self.ledger.turned(changes)
        except _UNFIT as error:
            raise self._unfit(page, changes) from error

    def _note(self, error: FoldError) -> None:
        if error.key is None or error.key in self.failing[error.read_model]:
            raise error
        self.failing[error.read_model][error.key] = error

    def _unfit(self, page: Page, changes: Sequence[Changes]) -> FoldError:
        """The error for the first row that no database would keep: it says so of the first event that changed it."""
        folds = {fold.projection.name: fold for fold in page.folds.values()}
        for each in changes:
            fold = folds[each.table.name]
            for row in each.rows:
                try:
                    self.ledger.turned([Changes(each.table, [row])])
                except _UNFIT as error:
                    return _blamed(fold, fold.projection.row_key(row), error)
        raise AssertionError("one of the rows was refused before")

    def _compare(
        self, once: Mapping[str, Mapping[Key, Values | None]], again: Mapping[str, Mapping[Key, Values | None]]
    ) -> None:
        for name in once.keys() | again.keys():
            one, two, names = once.get(name, {}), again.get(name, {}), self.ledger.keepers[name].names
            for key in one.keys() | two.keys():
                if one.get(key) != two.get(key):
                    self.unsure[name].setdefault(key, differing(names, one.get(key), two.get(key)))


def differing(names: Sequence[str], one: Values | None, two: Values | None) -> Sequence[str]:
    """The columns in which two rows differ; none where there is only one row."""
    if one is None or two is None:
        return ()
    return [name for name, left, right in zip(names, one, two, strict=True) if left != right]


def _blamed(fold: Fold, key: Key, error: Exception) -> FoldError:
    touches: Sequence[Any] = [touch for touch in fold.touches if touch[0] == key or type(touch[0]) is Where]
    return fold.projection.error((touches or fold.touches)[0][3], key, error)
