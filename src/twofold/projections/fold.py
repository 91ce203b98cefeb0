"""The fold: a page of events and the rows it touches become changed rows. No database, no clock, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
    ``park`` is asked whether a key that cannot take an event is parked; otherwise the fold ends there. Before events of types
    that are ``doubted`` rows are copied: such a fold has failed before, and may leave them half changed.
    """

    def __init__(self, projection: Projection, parked: Since | None = None, owns: Owns | None = None) -> None:
        self.projection = projection
        self.parked: Since = parked or {}
        self.owns = owns
        self.park: Callable[[FoldError], bool] = _never
        self.doubted: set[str] = set()
        self.letters: dict[tuple[Key, int], None] = {}
        self.skipped: Collection[tuple[Key, int]] = ()
        self.touches: list[Touch] = []
        self.keys: set[Key] = set()
        self.wheres: set[Where] = set()
        self.moved_to: dict[Key, int] = {}
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

        Raises ``FoldError`` where a fold raises, and where an event begins a row without setting its required columns, unless
        the key is parked for it; the rows are spoiled then.
        """
        left = iter(touches)
        while self._parks_one(self.passing(left) if self.parked or self.skipped else left):
            pass

    def _parks_one(self, touches: Iterable[Touch]) -> bool:
        """Fold up to the first event that a key is parked for. Whether there was one; the touches behind it are left."""
        changed, projection, doubted = self._changed, self.projection, self.doubted
        get, get_changed = self.rows.get, changed.get
        for key, step, subject, recorded in touches:
            row = get_changed(key)
            if row is None and key not in changed:
                row = get(key)
            undo = self._undoing(key, row) if row is None or (doubted and recorded.type in doubted) else None
            try:
                if row is None:
                    self._begin(key, step, subject, recorded)
                    continue
                changed[key] = row
                said = step.function(row, subject)
                if said is not None and not self._stays(key, row, said, recorded.position):
                    continue
                if step.gives:
                    own_documents(projection, row, recorded.event, step.gives)
            except Exception as error:  # noqa: BLE001 - folds are the user's: whatever they raise is the reason
                failed = projection.error(recorded, key, error)
                failed.__cause__ = error
                self._park(failed, undo)
                return True
        return False

    def _undoing(self, key: Key, row: Any) -> Callable[[], None]:
        """What makes undone whatever an event does to a row that does not move."""
        was_changed = key in self._changed
        before = self.projection.copied(row) if row is not None else None

        def undo() -> None:
            if before is not None:
                self.projection.restore(row, before)
            if was_changed:
                self._changed[key] = row
            else:
                self._changed.pop(key, None)

        return undo

    def _park(self, failed: FoldError, undo: Callable[[], None] | None) -> None:
        """Go on without the key, as if it had been parked from this event on. ``FoldError`` where that cannot be."""
        if undo is None:
            self.doubted.add(failed.event_type)
        if undo is None or self._was_touched_before(failed) or not self.park(failed):
            raise failed from failed.__cause__
        undo()
        self.parked = {**self.parked, failed.key: failed.position}
        self.letters[failed.key, failed.position] = None
        self._keep_fan_outs({failed.key: failed.position})

    def _was_touched_before(self, failed: FoldError) -> bool:
        """Whether the same event has touched the row already, or moved it here: that is not undone."""
        key, position = failed.key, failed.position
        times = sum(touch[0] == key and touch[3].position == position for touch in self.touches)
        return times > 1 or self.moved_to.get(key) == position

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
        self._keep_fan_outs(self.parked)

    def _keep_fan_outs(self, parked: Since) -> None:
        positions = (
            [recorded.position for where, _, _, recorded in self.touches if type(where) is Where] if self.wheres else []
        )
        for key, since in parked.items():
            self.letters.update(((key, position), None) for position in positions if position >= since)

    def looked_up(self, key: Key, position: int) -> Any:
        """The row as it is now, for the fold of another. ``LookupError`` where it is parked: nobody knows how it is."""
        if self._is_parked(key, position):
            raise LookupError(f"{self.projection.name} {key!r}, which this fold looks up, is parked")
        return self.current(key)

    def _is_parked(self, key: Key, position: int) -> bool:
        """Whether a key takes no event at this position: it may only be parked from a later one on."""
        return position >= self.parked.get(key, position + 1)

    def awake(self, keys: Collection[Key]) -> set[Key]:
        """Those of some keys that may take one of the events: rows of the others are not needed."""
        first = min((recorded.position for _, _, _, recorded in self.touches[:1]), default=0)
        return {key for key in keys if not self._is_parked(key, first)}

    def current(self, key: Key) -> Any:
        """The row as it is now, after what has been taken; None if there is none."""
        return self._changed[key] if key in self._changed else self.rows.get(key)

    @property
    def assumed(self) -> set[Key]:
        """Keys that rows moved to and that were not looked for: assumed to be free, to be seen when the page is done."""
        return self.moved_to.keys() - self.keys - self.rows.keys()

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
        self.moved_to[new] = position
        self._changed[key] = None
        self._changed[new] = row

    def _strayed(self, key: Key, row: Any) -> FoldError:
        recorded = next(recorded for each, _, _, recorded in self.touches if each == key or isinstance(each, Where))
        moved = ValueError(f"the fold changed the key to {self.projection.row_key(row)}; say @evolve(moves=True)")
        return self.projection.error(recorded, key, moved)


def _never(error: FoldError) -> bool:
    return False


def own_documents(projection: Projection, row: Any, giver: Any, gives: Sequence[str]) -> None:
    """What a fold took from the event, as in ``self.lines = event.lines``, is copied: others fold that event too."""
    taken = [value for name in gives if isinstance(value := getattr(giver, name), (list, dict, set))]
    for name in projection.documents if taken else ():
        value = getattr(row, name)
        if any(value is each for each in taken):
            setattr(row, name, value.copy())
