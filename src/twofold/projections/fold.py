"""The fold: a page of events and the rows it touches become changed rows. No database, no clock, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from twofold.errors import FoldError
from twofold.messages import Event, OpaqueEvent, Recorded
from twofold.projections.keys import KeyOf
from twofold.projections.table import Key, Table


class _NotSet:
    """Stands in a required column until the event that begins the row has set it."""

    def __repr__(self) -> str:
        return "(not set)"


NOT_SET = _NotSet()


class Step(msgspec.Struct, frozen=True, eq=False):
    """How one event type changes a row: ``function(row, event)``, or ``(row, recorded)`` if it wants to know more."""

    key: KeyOf
    function: Callable[[Any, Any], None]
    wants_recorded: bool


Touch: TypeAlias = tuple[Key, Callable[[Any, Any], None], Any, Recorded[Event]]
"""One event about to change one row: the row's key, the method, and what that is given."""


class Projection:
    """A compiled read model: its table and its steps. ``types`` are the names of the event types that it folds."""

    def __init__(
        self,
        cls: type[Any],
        table: Table,
        steps: Mapping[type[Event], Step],
        types: frozenset[str],
        misfit: Callable[[Key], str],
        required: Sequence[str],
    ) -> None:
        self.cls = cls
        self.table = table
        self.types = types
        self._steps = dict(steps)
        self._misfit = misfit
        self._unset = dict.fromkeys(required, NOT_SET)
        self._documents = [column.name for column in table.columns if column.kind == "json"]
        self._single = table.key[0] if len(table.key) == 1 else None
        self.row_key: Callable[[Any], Key] = attrgetter(*table.key)

    @property
    def name(self) -> str:
        return self.table.name

    def touches(self, events: Sequence[Recorded[Event]]) -> tuple[list[Touch], set[Key]]:
        """Which event changes which row, in order, and the keys of all those rows. ``FoldError`` names the event."""
        touches: list[Touch] = []
        keys: set[Key] = set()
        steps, add, add_key = self._steps, touches.append, keys.add
        for recorded in events:
            try:
                step = steps[type(recorded.event)]
                key = step.key(recorded)
                subject = recorded if step.wants_recorded else recorded.event
                # A list means several rows, and the event changes each of them.
                for each in key if type(key) is list else (key,):
                    add_key(each)
                    add((each, step.function, subject, recorded))
            except Exception as error:  # Key functions are the user's: whatever they raise is the reason.
                raise self._error(recorded, None, error) from error
        return touches, keys

    def refuse_misfits(self, touches: Sequence[Touch], keys: Collection[Key]) -> None:
        """``FoldError`` for the first event with one of these keys that does not fit the key columns."""
        misfits = {key: reason for key in keys if (reason := self._misfit(key))}
        for key, _, _, recorded in touches if misfits else ():
            if key in misfits:
                raise self._error(recorded, None, TypeError(misfits[key]))

    def fold(self, touches: Sequence[Touch], rows: Mapping[Key, Any]) -> dict[Key, Any]:
        """The changed rows by key, in the order of their first change; ``rows`` are those that exist, and are changed.

        Raises ``FoldError`` where a fold raises, and where an event begins a row without setting its required columns;
        the rows are spoiled then.
        """
        changed: dict[Key, Any] = {}
        get, get_changed, documents = rows.get, changed.get, self._documents
        for key, function, subject, recorded in touches:
            try:
                row = get_changed(key)
                if row is not None:
                    function(row, subject)
                elif (row := get(key)) is not None:
                    changed[key] = row
                    function(row, subject)
                else:
                    changed[key] = row = self._begun(key, function, subject)
                if documents:
                    self._own_documents(row, recorded.event)
            except Exception as error:  # Folds are the user's: whatever they raise is the reason.
                raise self._error(recorded, key, error) from error
        return changed

    def _begun(self, key: Key, function: Callable[[Any, Any], None], subject: Any) -> Any:
        """A new row after its first event, which must set what has no default."""
        if reason := self._misfit(key):
            raise TypeError(reason)
        values = {self._single: key} if self._single is not None else dict(zip(self.table.key, key, strict=True))
        row = self.cls(**values, **self._unset)
        function(row, subject)
        unset = [name for name in self._unset if getattr(row, name) is NOT_SET]
        if unset:
            raise ValueError(f"there is no row yet, and this event does not set its {', '.join(unset)}")
        return row

    def _own_documents(self, row: Any, event: Event) -> None:
        """What a fold took from the event, as in ``self.lines = event.lines``, is copied: others fold that event too."""
        taken = [getattr(event, name) for name in event.__struct_fields__]
        for name in self._documents:
            value = getattr(row, name)
            if isinstance(value, (list, dict, set)) and any(value is each for each in taken):
                setattr(row, name, value.copy())

    def _error(self, recorded: Recorded[Event], key: Key, error: Exception) -> FoldError:
        event = recorded.event
        reason = event.reason if isinstance(event, OpaqueEvent) else f"{type(error).__name__}: {error}"
        return FoldError(self.name, event_type=recorded.type, position=recorded.position, key=key, reason=reason)
