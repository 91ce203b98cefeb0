"""From the ``@evolve`` methods of a read model to the steps of its fold."""

from __future__ import annotations

import dis
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from msgspec.inspect import AnyType, CollectionType, DictType, ListType, SetType, TypedDictType

from twofold.errors import DefinitionError
from twofold.messages import Event
from twofold.messages.handlers import Evolve, EvolveHandler, always_of, evolvers
from twofold.messages.markers import fields
from twofold.projections.columns import holds
from twofold.projections.keys import own_key_of, where_of
from twofold.projections.lookups import lookups_of
from twofold.projections.model import ReadModel
from twofold.projections.projection import MOVED, Missing, Step
from twofold.projections.table import Table

Function: TypeAlias = Callable[..., Any]


def steps_of(cls: type[ReadModel], table: Table) -> Mapping[type[Event], Step]:
    """The steps of a read model by event type.

    Raises ``DefinitionError`` for a class that folds nothing, a fold that assigns the key without saying so, and for
    wishes that contradict each other.
    """
    handlers, always = evolvers(cls), always_of(cls)
    if not handlers:
        raise DefinitionError(f"{cls.__name__} folds no event", cls, remedy="Add an @evolve method.")
    for handler in handlers.values():
        _refuse_contradictions(handler)
        if not handler.mark.moves:
            _refuse_assigning(handler.function, table.key)
    is_created = any(handler.mark.creates for handler in handlers.values())
    return {event: _step(cls, table, handler, always, is_created) for event, handler in handlers.items()}


def _step(
    cls: type[ReadModel], table: Table, handler: EvolveHandler, always: Function | None, is_created: bool
) -> Step:
    function, wants_recorded = handler.function, handler.wants_recorded
    if always is not None:
        function, wants_recorded = _with_always(function, wants_recorded, always), True
    if handler.mark.moves:
        function = _with_move(function)
    lookups = lookups_of(handler)
    if lookups:
        function = _with_rows(function)
    key = where_of(cls, handler, table) if handler.mark.where else own_key_of(cls, handler, table.key_columns)
    return Step(key, function, wants_recorded, _missing(handler.mark, is_created), lookups, _gives(handler, table))


def _gives(handler: EvolveHandler, table: Table) -> tuple[str, ...]:
    """The fields of an event that may be lists, dicts or sets, where the row has a column for such."""
    if not any(column.kind == "json" for column in table.columns):
        return ()
    return tuple(name for name, hint in fields(handler.event_type).items() if holds(hint, *_CHANGEABLE))


_CHANGEABLE = (ListType, DictType, SetType, TypedDictType, CollectionType, AnyType)


def _missing(mark: Evolve, is_created: bool) -> Missing:
    if mark.if_exists:
        return "pass"
    return "refuse" if is_created and not mark.creates else "begin"


def _with_always(function: Function, wants_recorded: bool, always: Function) -> Function:
    """The fold of one event, and then that of every event unless the row is gone."""

    def both(row: Any, recorded: Any, *rows: Any) -> Any:
        ended = function(row, recorded if wants_recorded else recorded.event, *rows)
        return always(row, recorded) if ended is None else ended

    return both


def _with_move(function: Function) -> Function:
    """A fold that may have assigned the key, and says so."""

    def moving(*given: Any) -> Any:
        ended = function(*given)
        return MOVED if ended is None else ended

    return moving


def _with_rows(function: Function) -> Function:
    """A fold that is given the rows it looks up: ``Page`` gives them as functions, to be called when it is its turn."""

    def enriched(row: Any, given: Any) -> Any:
        subject, rows = given
        return function(row, subject, *[current() for current in rows])

    return enriched


_NOT_TOGETHER = (("creates", "if_exists"), ("creates", "where"), ("moves", "where"))


def _refuse_contradictions(handler: EvolveHandler) -> None:
    for one, other in _NOT_TOGETHER:
        if getattr(handler.mark, one) and getattr(handler.mark, other):
            raise DefinitionError(
                f"{handler.function.__qualname__} cannot have both {one} and {other}",
                handler.function,
                remedy="Keep one of them.",
            )


def _refuse_assigning(function: Function, key: Collection[str]) -> None:
    """``DefinitionError`` for a fold that assigns a key field: the row would stay where it is under a false key."""
    code = getattr(function, "__code__", None)
    for instruction in dis.get_instructions(code) if code is not None else ():
        if instruction.opname == "STORE_ATTR" and instruction.argval in key:
            raise DefinitionError(
                f"{function.__qualname__} assigns the key {instruction.argval}",
                function,
                remedy="If the row is to move, say so: @evolve(moves=True).",
            )
