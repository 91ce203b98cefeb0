"""Which row an event changes: by a field, by the stream, or by a function of the event."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import msgspec

from twofold.errors import DefinitionError
from twofold.messages import Event, Recorded
from twofold.messages.codec import INT_MAX
from twofold.messages.handlers import EvolveHandler
from twofold.projections.table import Column, Key, Table


class Where(msgspec.Struct, frozen=True):
    """All rows that hold ``value`` in ``column``."""

    column: str
    value: Any


KeyOf: TypeAlias = Callable[[Recorded[Event]], Key | Where]

C = TypeVar("C", bound=type)

BY_STREAM = "__twofold_by_stream__"


def by_stream(cls: C) -> C:
    """Let the stream of an event say which row it changes, also where the event has a field of the key's name.

    A row whose key is text then comes of one key's streams alone, so that several processes can fill the table at once.
    """
    setattr(cls, BY_STREAM, True)
    return cls


def is_by_stream(cls: type) -> bool:
    """Whether a read model is marked so."""
    return BY_STREAM in vars(cls)


def own_key_of(cls: type, handler: EvolveHandler, key: Sequence[Column]) -> KeyOf:
    """As ``key_of``, for the read model's own key. ``DefinitionError`` for several fields that a stream is to say."""
    if not is_by_stream(cls) or handler.mark.key is not None:
        return key_of(cls, handler, key)
    if len(key) != 1:
        raise DefinitionError(
            f"{cls.__name__} has a key of {len(key)} fields, which no stream's name can say",
            cls,
            remedy="Leave out @by_stream, or have one Key field.",
        )
    return _of_stream(key[0])


def key_of(cls: type, handler: EvolveHandler, key: Sequence[Column]) -> KeyOf:
    """The function that gives the key of the row which an event changes.

    Raises ``DefinitionError`` where neither a key function, nor fields of the event, nor its stream can say it.
    """
    if handler.mark.key is not None:
        return handler.mark.key if handler.wants_recorded else _of_event(handler.mark.key)
    names = [column.name for column in key]
    missing = [name for name in names if name not in handler.event_type.__struct_fields__]
    if not missing:
        return attrgetter(*(f"event.{name}" for name in names))
    if len(key) == 1:
        return _of_stream(key[0])
    raise DefinitionError(
        f"{cls.__name__} has the key ({', '.join(names)}), and {handler.event_type.__name__} has no {', '.join(missing)}",
        handler.function,
        handler.event_type,
        remedy="Give the key: @evolve(key=lambda event: (...)).",
    )


def where_of(cls: type, handler: EvolveHandler, table: Table) -> KeyOf:
    """The function that says which rows an event changes, by what they hold in an indexed column.

    Raises ``DefinitionError`` for a column that is not there or that nothing finds rows by.
    """
    name: object = handler.mark.where
    if not isinstance(name, str):
        raise DefinitionError(
            f"{handler.function.__qualname__} does not say which column finds its rows",
            handler.function,
            remedy='Name it: @evolve(where="customer_id"); what it must hold is what key= gives, if not the field of that name.',
        )
    column = next((column for column in table.columns if column.name == name), None)
    if column is None or not table.finds_by(column.name):
        raise DefinitionError(
            f"{cls.__name__} has no {'index on' if column else 'column'} {name}, where {handler.event_type.__name__} is to find rows",
            handler.function,
            remedy=f"Declare it: {name}: Indexed[...].",
        )
    value_of, name, fits = key_of(cls, handler, [column]), column.name, checker([column])

    def where(recorded: Recorded[Event]) -> Where:
        value = value_of(recorded)
        if reason := fits(value):
            raise TypeError(reason)
        return Where(name, value)

    return where


def checker(key: Sequence[Column]) -> Callable[[Key], str]:
    """A function that says what is wrong with a key; nothing if it fits its columns."""
    checks = [(column.name, column.type) for column in key]
    if len(checks) == 1:
        return lambda value: _misfit(*checks[0], value)

    def check(values: Key) -> str:
        if not isinstance(values, tuple) or len(values) != len(checks):
            return f"the key has {len(checks)} fields, got {values!r}"
        return next(filter(None, (_misfit(*each, value) for each, value in zip(checks, values, strict=True))), "")

    return check


def _misfit(name: str, type_: Any, value: object) -> str:
    # A datetime is a date and a bool an int to Python, but not to a column.
    exact = isinstance(type_, type) and type(value) is type_
    loosely = isinstance(value, str) if not isinstance(type_, type) else isinstance(value, type_)
    if exact or (loosely and type_ not in (int, date)):
        return unfit(name, value)
    wanted = type_.__name__ if isinstance(type_, type) else str(type_)
    return f"{name} must be {wanted}, not {type(value).__name__} ({value!r})"


def unfit(name: str, value: object) -> str:
    """Why no database could hold a value of the right type; empty if it could."""
    if isinstance(value, int) and not -INT_MAX - 1 <= value <= INT_MAX:
        return f"{name} must fit into 64 bits, not {value}"
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return f"{name} must be a finite number, not {value}"
    if isinstance(value, datetime) and value.utcoffset() is None:
        return f"{name} must have a time zone ({value.isoformat()} has none)"
    if isinstance(value, str) and ("\0" in value or _is_broken(value)):
        return f"{name} must be text without NUL and lone surrogates, not {value!r}"
    return ""


def _is_broken(text: str) -> bool:
    """Whether it holds half of a character."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _of_event(function: Callable[[Any], Key]) -> KeyOf:
    return lambda recorded: function(recorded.event)


def stream_key(recorded: Recorded[Event]) -> Key:
    """What stands in the stream's name behind its category, as it is."""
    return recorded.stream.partition("-")[2]


def _of_stream(column: Column) -> KeyOf:
    """The key is what stands in the stream's name behind its category: ``family-42`` is 42."""
    type_ = column.type

    def converted(recorded: Recorded[Event]) -> Key:
        return msgspec.convert(stream_key(recorded), type_, strict=False)

    return stream_key if type_ is str else converted
