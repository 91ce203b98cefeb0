"""From what a database found to typed answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from twofold.errors import QueryError
from twofold.messages.handlers import alternatives
from twofold.messages.markers import hints
from twofold.projections.port import Found

T = TypeVar("T")

Opener: TypeAlias = Callable[[Any], Any]
"""Turns a database's form of a value into one that ``convert`` takes."""


def typed(type_: type[T], found: Found) -> list[T]:
    """Each row as a value of the type: fields and dict keys by column name, tuples by column, anything else by its one column.

    Numbers may come as text and truth as 0 and 1, as databases give them; a document is read from its JSON. Raises
    ``QueryError`` where a row does not fit the type.
    """
    asked: Any = type_  # A type is hashable, whatever its values are.
    shape, list_type = _shaped(asked)
    try:
        rows: list[T] = msgspec.convert(shape(found), list_type, strict=False)
        return rows
    except msgspec.ValidationError as error:
        raise QueryError(
            f"A row is not {_name(type_)}: {error} (columns: {', '.join(found.columns)})",
            remedy="Select the columns under the names and types of its fields.",
        ) from error


Shape: TypeAlias = Callable[[Found], list[Any]]


@lru_cache(maxsize=1024)
def _shaped(type_: Any) -> tuple[Shape, Any]:
    """What brings rows into the form that ``convert`` takes, and the type of all of them."""
    origin = get_origin(type_) or type_
    if origin is dict:
        return _by_name({}, None), list[type_]
    if origin is tuple:
        return lambda found: [tuple(row) for row in found.rows], list[type_]
    if _has_fields(origin):
        names = hints(type_)
        openers = {name: opener for name, hint in names.items() if (opener := _opener(hint))}
        return _by_name(openers, frozenset(names)), list[type_]
    return _only_column(_opener(type_)), list[type_]


def _by_name(openers: Mapping[str, Opener], known: frozenset[str] | None) -> Shape:
    def shape(found: Found) -> list[Any]:
        columns = found.columns
        if known is not None and (strange := [name for name in columns if name not in known]):
            raise QueryError(
                f"No field for the column {strange[0]}", remedy="Name columns like fields: select … as name."
            )
        rows = [dict(zip(columns, row, strict=True)) for row in found.rows]
        for name in openers.keys() & set(columns):
            for row in rows:
                if row[name] is not None:
                    row[name] = openers[name](row[name])
        return rows

    return shape


def _only_column(opener: Opener | None) -> Shape:
    def shape(found: Found) -> list[Any]:
        if found.rows and len(found.columns) != 1:
            names = ", ".join(found.columns)
            raise QueryError(f"Asked for one column, found {len(found.columns)}: {names}", remedy="Select just one.")
        values = [row[0] for row in found.rows]
        return values if opener is None else [None if value is None else opener(value) for value in values]

    return shape


def _opener(hint: Any) -> Opener | None:
    """The opener for values of a type, where one is needed."""
    while get_origin(hint) is not None and hasattr(hint, "__metadata__"):
        hint = get_args(hint)[0]
    kinds = {get_origin(each) or each for each in alternatives(hint)}
    if timedelta in kinds:
        return lambda microseconds: timedelta(microseconds=microseconds)
    if any(kind in (list, dict, tuple, set, frozenset) or _has_fields(kind) for kind in kinds):
        return lambda value: msgspec.json.decode(value) if isinstance(value, (str, bytes)) else value
    return None


def _has_fields(kind: Any) -> bool:
    return isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind))


def _name(type_: Any) -> str:
    return type_.__name__ if isinstance(type_, type) else str(type_)
