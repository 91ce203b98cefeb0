"""A read model compiled: its table, and what each event does to a row of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Literal, TypeAlias

import msgspec

from twofold.errors import FoldError
from twofold.messages import Event, OpaqueEvent, Recorded, name_of
from twofold.messages.handlers import evolvers
from twofold.projections.keys import KeyOf, Where
from twofold.projections.lookups import Lookup
from twofold.projections.model import REMOVED
from twofold.projections.table import Key, Table


class _NotSet:
    """Stands in a required column until the event that begins the row has set it."""

    def __repr__(self) -> str:
        return "(not set)"


_NotSet.__name__ = "(no value yet)"  # It is what Python says of a fold that counts on from there.

NOT_SET = _NotSet()

MOVED: Final = object()
"""What the function of a step returns whose fold may have assigned the key: it is seldom, so looking costs the others nothing."""

Missing: TypeAlias = Literal["begin", "pass", "refuse"]
"""What happens where the row does not exist: this event begins it, passes by, or cannot be."""


class Step(msgspec.Struct, frozen=True, eq=False):
    """How one event type changes a row: ``function(row, event)``, or ``(row, recorded)`` if it wants to know more.

    With ``lookups``, the function is given a pair instead: that, and the rows looked up. ``gives`` names the fields of the
    event that a row could come to share with it, because they can be changed.
    """

    key: KeyOf
    function: Callable[[Any, Any], Any]
    wants_recorded: bool
    missing: Missing = "begin"
    lookups: tuple[Lookup, ...] = ()
    gives: tuple[str, ...] = ()


Touch: TypeAlias = tuple[Key | Where, Step, Any, Recorded[Event]]
"""One event about to change a row (or all rows ``Where``): the row's key, the step, what its function is given."""


def _refuse_unreadable(row: object, recorded: Recorded[OpaqueEvent]) -> None:
    raise ValueError(recorded.event.reason)


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
        self.steps = dict(steps)
        self._steps_by_name = {name_of(event): step for event, step in steps.items()}
        self.misfit = misfit
        looked_up = {lookup.cls for step in self.steps.values() for lookup in step.lookups}
        self.looks_up = bool(looked_up)
        self.sources = frozenset(looked_up - {cls})
        self.documents = tuple(column.name for column in table.columns if column.kind == "json")
        self.row_key: Callable[[Any], Key] = attrgetter(*table.key)
        self._unset = dict.fromkeys(required, NOT_SET)
        self._single = table.key[0] if len(table.key) == 1 else None
        self.moves = any(handler.mark.moves for handler in evolvers(cls).values())

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def subscription(self) -> str:
        return self.table.subscription

    def join(self, group: str, *, strong: bool) -> None:
        """Keep the group's checkpoint (empty: its own), and be as strong as the group."""
        self.table = msgspec.structs.replace(self.table, group=group, strong=strong)

    def unreadable(self, recorded: Recorded[Event]) -> Step:
        """The step for an event that this program cannot decode: its key can be known all the same, its fold only fails.

        What passes by where there is no row does so whatever is in it.
        """
        step = self._steps_by_name[recorded.type]
        missing: Missing = "pass" if step.missing == "pass" else "begin"
        return Step(step.key, _refuse_unreadable, wants_recorded=True, missing=missing)

    def begun(self, key: Key, step: Step, subject: Any) -> tuple[Any, object]:
        """A new row after its first event, and what its fold returned. Unless it is gone, all columns must be set."""
        if reason := self.misfit(key):
            raise TypeError(reason)
        values = {self._single: key} if self._single is not None else dict(zip(self.table.key, key, strict=True))
        row = self.cls(**values, **self._unset)
        said = step.function(row, subject)
        unset = [name for name in self._unset if getattr(row, name) is NOT_SET] if said is not REMOVED else ()
        if unset:
            raise ValueError(f"there is no row yet, and this event does not set its {', '.join(unset)}")
        return row, said

    def copied(self, row: Any) -> Any:
        """A copy of a row that shares nothing with it that could change."""
        other = copy.copy(row)
        for name in self.documents:
            setattr(other, name, copy.deepcopy(getattr(row, name)))
        return other

    def restore(self, row: Any, before: Any) -> None:
        """Make a row what it was when it was copied. The copy is used up."""
        for name in self.cls.__struct_fields__:
            setattr(row, name, getattr(before, name))

    def error(self, recorded: Recorded[Event], key: Key, error: Exception) -> FoldError:
        """What is said of an event that this read model cannot take."""
        event = recorded.event
        reason = event.reason if isinstance(event, OpaqueEvent) else f"{type(error).__name__}: {error}"
        return FoldError(self.name, event_type=recorded.type, position=recorded.position, key=key, reason=reason)
