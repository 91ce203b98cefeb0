"""Copies of an answer, so that whoever changes what was given to him changes nobody else's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

Copier: TypeAlias = Callable[[Any], Any]

_ATOMS = frozenset(
    (type(None), bool, int, float, str, bytes, Decimal, date, datetime, time, timedelta, UUID, frozenset)
)


def itself(value: Any) -> Any:
    """The copy of what cannot be changed."""
    return value


def copier_of(value: Any) -> Copier:
    """What copies exactly this value, as cheaply as its parts allow: what cannot change is shared."""
    cls = type(value)
    if cls in _ATOMS or isinstance(value, Enum):
        return itself
    if cls in (list, tuple):
        return _sequence(value)
    if isinstance(value, msgspec.Struct):
        return _struct(value)
    return copy.deepcopy


def _sequence(values: list[Any] | tuple[Any, ...]) -> Copier:
    copiers = set(map(copier_of, values))
    if copiers <= {itself}:
        return itself if isinstance(values, tuple) else list.copy
    if len(copiers) == 1 and isinstance(values, list):
        [each] = copiers
        return lambda rows: [each(row) for row in rows]
    return copy.deepcopy


def _struct(value: msgspec.Struct) -> Copier:
    cls = type(value)
    inner = {name: copier_of(getattr(value, name)) for name in cls.__struct_fields__}
    inner = {name: copier for name, copier in inner.items() if copier is not itself}
    if not inner:
        return itself if cls.__struct_config__.frozen else copy.copy

    def copied(row: Any) -> Any:
        other = copy.copy(row)
        for name, copier in inner.items():
            msgspec.structs.force_setattr(other, name, copier(getattr(row, name)))
        return other

    return copied
