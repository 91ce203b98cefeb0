"""Given/then for read models: which rows a history folds to."""

from __future__ import annotations

from typing import Generic, TypeVar

from twofold.messages.message import Event
from twofold.projections import Group, Key, Projection, ReadModel, define, groups_of
from twofold.testing.determinism import STREAM, must_be_deterministic, with_sources
from twofold.testing.difference import difference
from twofold.testing.history import History, On

R = TypeVar("R", bound=ReadModel)


def project(about: type[R], /, *events: Event | On) -> list[R]:
    """The rows that this history folds to, in the order of their first event."""
    return GivenRows(about).when(*events).rows


class GivenRows(Generic[R]):
    """What has happened, seen by one read model."""

    def __init__(self, about: type[R], happened: tuple[Event | On, ...] = ()) -> None:
        self._about = about
        self._happened = happened
        self._projection = define(about)
        self._group = group_about(self._projection)

    def when(self, *events: Event | On) -> GivenRows[R]:
        """The same history with more events at its end."""
        return GivenRows(self._about, (*self._happened, *events))

    @property
    def rows(self) -> list[R]:
        """The rows as they are now, in the order of their first event."""
        return list(self._by_key().values())

    def then(self, *rows: R) -> GivenRows[R]:
        """These are the rows, in whatever order."""
        __tracebackhide__ = True
        found = self._by_key()
        expected = {self._projection.row_key(row): row for row in rows}
        if expected != found:
            wanted, came = _in_order(expected), _in_order(found)
            raise AssertionError(f"{self._projection.name} has other rows:\n{difference(wanted, came)}")
        return self

    def then_nothing(self) -> GivenRows[R]:
        """There is no row."""
        __tracebackhide__ = True
        return self.then()

    def _by_key(self) -> dict[Key, R]:
        log = History().record(self._happened, stream=STREAM)
        mine = [recorded for recorded in log if recorded.type in self._group.types]
        must_be_deterministic(self._group, mine)
        page = self._group.page(mine)
        page.fold()
        return {key: row for key, row in page.folds[self._about].changed.items() if row is not None}


def group_about(projection: Projection) -> Group:
    """A read model with those whose rows it looks up, as they go through the log together."""
    return next(group for group in groups_of(with_sources([projection])) if projection in group.projections)


def _in_order(rows: dict[Key, R]) -> list[R]:
    return [rows[key] for key in sorted(rows, key=repr)]
