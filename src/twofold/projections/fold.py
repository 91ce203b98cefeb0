"""The fold: a page of events and the rows it touches become changed rows. No database, no clock, no waiting."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from twofold.errors import FoldError
from twofold.messages import Event, Recorded
from twofold.projections.keys import Where
from twofold.projections.model import REMOVED
from twofold.projections.parking import Since
from twofold.projections.partitions import Owns
from twofold.projections.projection import MOVED, Projection, Step, Touch
from twofold.projections.table import Changes, Key


class Fold:
    """One read model's part of a page: which rows its events touch, those rows, and what becomes of them.

    ``rows`` are those that the database has, put there by the caller before ``take``; they are changed by it. ``before``
    are copies of them as they were, where somebody wants to know. With ``owns`` it is about the rows of these keys alone.
    """

    def __init__(self, projection: Projection, parked: Since | None = None, owns: Owns | None = None) -> None:
        self.projection = projection
        self.parked: Since = parked or {}
        self.owns = owns
        self.failing: list[FoldError] | None = None
        self.letters: dict[tuple[Key, int], None] = {}
        self.skipped: Collection[tuple[Key, int]] = ()
        self.touches: list[Touch] = []
        self.keys: set[Key] = set()
        self.wheres: set[Where] = set()
        self.moved_to: list[Key] = []
        self.rows: dict[Key, Any] = {}
        self.before: dict[Key, Any] | None = None
        self._changed: dict[Key, Any] = {}

    def plan(self, events: Iterable[Recorded[Event]]) -> None:
        """Note which event changes which row, in order. ``FoldError`` names the event."""
        steps, add, add_key, owns = self.projection.steps, self.touches.append, self.keys.add, self.owns
        for recorded in events:
            try:
                step = steps.get(type(recorded.event)) or self.projection.unreadable(recorded)
                key: Any = step.key(recorded)
                subject = recorded if step.wants_recorded else recorded.event
                if (kind := type(key)) is list:  # Several rows, and the event changes each of them.
                    key = key if owns is None else list(filter(owns, key))
                    self.keys.update(key)
                    self.touches += [(each, step, subject, recorded) for each in key]
                elif kind is Where:
                    self.wheres.add(key)
                    add((key, step, subject, recorded))
                elif owns is None or owns(key):
                    add_key(key)
                    add((key, step, subject, recorded))
            except Exception as error:  # Key functions are the user's: whatever they raise is the reason.
                raise self.projection.error(recorded, None, error) from error

    def refuse_misfits(self, keys: Collection[Key]) -> None:
        """``FoldError`` for the first event with one of these keys that does not fit the key columns."""
        misfits = {key: reason for key in keys if (reason := self.projection.misfit(key))}
        for key, _, _, recorded in self.touches if misfits else ():
            if key in misfits:
                raise self.projection.error(recorded, None, TypeError(misfits[key]))

    def remember(self) -> None:
        """Keep the rows as they are, beside those that change now."""
        self.before = {key: self.projection.copied(row) for key, row in self.rows.items()}

    def take(self, touches: Iterable[Touch]) -> None:
        """Fold these, in order.

        Raises ``FoldError`` where a fold raises, and where an event begins a row without setting its required columns;
        the rows are spoiled then. Where errors are gathered (``failing``) it goes on without the key instead.
        """
        changed, projection = self._changed, self.projection
        get, get_changed = self.rows.get, changed.get
        for key, step, subject, recorded in touches:
            try:
                row = get_changed(key)
                if row is None:
                    row = None if key in changed else get(key)
                    if row is None:
                        self._begin(key, step, subject, recorded)
                        continue
                    changed[key] = row
                said = step.function(row, subject)
                if said is not None and not self._stays(key, row, said, recorded.position):
                    continue
                if step.gives:
                    own_documents(projection, row, recorded.event, step.gives)
            except Exception as error:  # Folds are the user's: whatever they raise is the reason.
                failed = projection.error(recorded, key, error)
                if self.failing is None:
                    raise failed from error
                failed.__cause__ = error
                self.failing.append(failed)
                self.parked = {**self.parked, key: recorded.position}
                changed.pop(key, None)  # It is half changed, and what is wrong with it has been said.

    def passing(self, touches: Iterable[Touch]) -> Iterator[Touch]:
        """The touches of keys that take events, without skipped ones; those of parked keys are kept as letters."""
        for touch in touches:
            if self.skipped and (touch[0], touch[3].position) in self.skipped:
                continue
            since = self.parked.get(touch[0])
            if since is None or touch[3].position < since:
                yield touch
            else:
                self.letters[touch[0], touch[3].position] = None

    def keep_fan_outs(self) -> None:
        """Let each parked key keep every event for all rows that hold a value: what it will hold then is not known yet."""
        for where, _, _, recorded in self.touches:
            if type(where) is Where:
                for key, since in self.parked.items():
                    if recorded.position >= since:
                        self.letters[key, recorded.position] = None

    def looked_up(self, key: Key, position: int) -> Any:
        """The row as it is now, for the fold of another. ``LookupError`` where it is parked: nobody knows how it is."""
        if self._is_parked(key, position):
            raise LookupError(f"{self.projection.name} {key!r}, which this fold looks up, is parked")
        return self.current(key)

    def _is_parked(self, key: Key, position: int) -> bool:
        """Whether a key takes no event at this position: it may only be parked from a later one on."""
        return position >= self.parked.get(key, position + 1)

    def current(self, key: Key) -> Any:
        """The row as it is now, after what has been taken; None if there is none."""
        return self._changed[key] if key in self._changed else self.rows.get(key)

    @property
    def assumed(self) -> set[Key]:
        """Keys that rows moved to and that were not looked for: assumed to be free, to be seen when the page is done."""
        return set(self.moved_to) - self.keys - self.rows.keys()

    @property
    def changes(self) -> Changes:
        """The rows to write, in the order of their first change, and the keys of those to remove."""
        row_key = self.projection.row_key
        written = [row for row in self._changed.values() if row is not None]
        for key, row in self._changed.items():
            if row is not None and row_key(row) != key:
                raise self._strayed(key, row)
        removed = [key for key, row in self._changed.items() if row is None and key in self.rows]
        return Changes(self.projection.table, written, removed)

    @property
    def changed(self) -> Mapping[Key, Any]:
        """What has become of every row that was touched; None for one that is gone."""
        return self._changed

    def _begin(self, key: Key, step: Step, subject: Any, recorded: Recorded[Event]) -> None:
        if step.missing == "pass":
            return
        if step.missing == "refuse":
            begins = [name.__name__ for name, each in self.projection.steps.items() if each.missing == "begin"]
            raise ValueError(f"there is no such row, and only {', '.join(begins)} begins one")
        row, said = self.projection.begun(key, step, subject)
        existed = key in self._changed
        self._changed[key] = row
        if said is not None and not self._stays(key, row, said, recorded.position):
            if not existed and key not in self.rows:
                del self._changed[key]  # Nothing came of it, and there is nothing to remove.
            return
        if step.gives:
            own_documents(self.projection, row, recorded.event, step.gives)

    def _stays(self, key: Key, row: Any, said: object, position: int) -> bool:
        """Do as a fold said that returned something. Whether there still is a row."""
        if said is MOVED:
            self._move(key, row, position)
            return True
        if said is not REMOVED:
            raise TypeError(f"the fold returned {said!r}; it may return nothing, or REMOVED")
        self._changed[key] = None
        return False

    def _move(self, key: Key, row: Any, position: int) -> None:
        """Let a row stand under the key that its fold has given it."""
        new = self.projection.row_key(row)
        if new == key:
            return
        if reason := self.projection.misfit(new):
            raise TypeError(reason)
        if self.current(new) is not None:
            raise ValueError(f"there is a row with the key {new} already")
        if self._is_parked(new, position):
            raise ValueError(f"the key {new} is parked")
        self.moved_to.append(new)
        self._changed[key] = None
        self._changed[new] = row

    def _strayed(self, key: Key, row: Any) -> FoldError:
        recorded = next(recorded for each, _, _, recorded in self.touches if each == key or isinstance(each, Where))
        moved = ValueError(f"the fold changed the key to {self.projection.row_key(row)}; say @evolve(moves=True)")
        return self.projection.error(recorded, key, moved)


def own_documents(projection: Projection, row: Any, giver: Any, gives: Sequence[str]) -> None:
    """What a fold took from the event, as in ``self.lines = event.lines``, is copied: others fold that event too."""
    taken = [value for name in gives if isinstance(value := getattr(giver, name), (list, dict, set))]
    for name in projection.documents if taken else ():
        value = getattr(row, name)
        if any(value is each for each in taken):
            setattr(row, name, value.copy())
