"""Who is told what became of rows: of which tables, and row by row of those read models that somebody follows."""

from __future__ import annotations

from collections.abc import Callable, Collection, KeysView, Sequence
from typing import Any

import msgspec

from twofold.projections.group import Page
from twofold.projections.port import Advance
from twofold.projections.projection import Projection
from twofold.projections.stretch import Commit, Ending, Stretch, Turned
from twofold.projections.table import Changes, Key


class Audience:
    """Is told of each change of rows in this process: after its commit, and before anybody who waits for it is woken.

    ``changed`` hears which tables' rows are others now. Of a read model that is followed, the newest ``changes_max``
    changed rows are kept; rows of others are not even looked at.
    """

    def __init__(
        self, changed: Callable[[Collection[str]], None] = lambda tables: None, *, changes_max: int = 10_000
    ) -> None:
        self._changed, self._changes_max = changed, changes_max
        self._stretches: dict[str, Stretch] = {}

    @property
    def followed(self) -> KeysView[str]:
        """The read models of which rows are to be looked at before a fold changes them; it grows by itself."""
        return self._stretches.keys()

    def follow(self, projection: Projection) -> Stretch:
        """What is told of a read model's rows, from the first call on."""
        name = projection.name
        if name not in self._stretches:
            self._stretches[name] = self._stretch(name, projection.subscription)
        return self._stretches[name]

    def tell(self, commit: Commit) -> None:
        """A step was committed."""
        self._changed(commit.tables)
        for name, stretch in list(self._stretches.items()):
            concerns = name in commit.rows or stretch.subscription == commit.subscription
            if concerns and not stretch.take(commit, commit.rows.get(name, ())):
                self.lose(stretch, "moved")

    def upset(self, tables: Collection[str], ending: Ending | None = None) -> None:
        """Rows of these may all be others; with ``ending`` they are not what followed from those before."""
        self._changed(tables)
        if ending is not None:
            for name in self._stretches.keys() & tables:
                self.lose(self._stretches[name], ending)

    def lose(self, stretch: Stretch, ending: Ending) -> None:
        """Nobody knows what comes behind it. Who follows it is told so, and what is told from now on begins another."""
        if self._stretches[stretch.read_model] is stretch:
            self._stretches[stretch.read_model] = self._stretch(stretch.read_model, stretch.subscription)
            stretch.break_off(ending)

    def _stretch(self, read_model: str, subscription: str) -> Stretch:
        return Stretch(read_model, subscription, changes_max=self._changes_max)

    def close(self) -> None:
        """There will be no more changes."""
        for stretch in self._stretches.values():
            stretch.close()


def commit_of(advance: Advance, page: Page) -> Commit:
    """What a page's fold has made of rows; to be called when it is committed, before others fold on."""
    changes = {each.table.name: each for each in advance.changes}
    rows: dict[str, Sequence[Turned] | None] = {}
    for fold in page.folds.values():
        name = fold.projection.name
        if fold.before is None:
            rows[name] = None
        else:
            rows[name] = turned(fold.projection, changes[name], fold.before) if name in changes else ()
    return Commit(advance.name, advance.start, advance.end, list(changes), rows)


def turned(projection: Projection, changes: Changes, before: dict[Key, Any]) -> list[Turned]:
    """The rows that are others, those that are gone first, in copies that nobody else changes."""
    found = [Turned(key, before.get(key), None) for key in changes.removed]
    for row in changes.rows:
        key = projection.row_key(row)
        was = before.get(key)
        if was is None or _kept(was) != _kept(row):
            found.append(Turned(key, was, projection.copied(row)))
    return found


_kept = msgspec.json.encode
"""How one sees whether two rows are kept alike: 1.0 and 1.00 are equal, and not the same digits."""
