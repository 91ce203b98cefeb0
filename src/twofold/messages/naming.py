"""Stable names: what a message, aggregate or read model is called in the database, whatever becomes of its class."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from twofold.errors import DefinitionError

C = TypeVar("C", bound=type)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}")
_STORED_AS = "__twofold_stored_as__"


def stored_as(name: str, *, version: int = 1) -> Callable[[C], C]:
    """Give a class the name, and the schema version, under which it is kept.

    Without it the name is the class's own and the version 1. Name a class before renaming it, and raise the
    version when the meaning or shape of its fields changes (then add an upcaster).

    Raises ``DefinitionError`` for a name that is not plain (letters, digits, ``_``, ``.``; at most 100).
    """

    def name_it(cls: C) -> C:
        if not _NAME.fullmatch(name):
            raise DefinitionError(f"{name!r} is not a plain name", cls, remedy="Use letters, digits, '_' and '.'.")
        if not 1 <= version <= 32767:
            raise DefinitionError(f"Schema version {version} is not in 1 … 32767", cls, remedy="Count from 1.")
        setattr(cls, _STORED_AS, (cls, name, version))
        _stored_as.cache_clear()
        return cls

    return name_it


def name_of(cls: type) -> str:
    """The stable name of a message class."""
    return _stored_as(cls)[0]


def version_of(cls: type) -> int:
    """The schema version of a message class, from 1."""
    return _stored_as(cls)[1]


def snake_name_of(cls: type) -> str:
    """The stable name of a class that names a category or a table: in snake case unless given."""
    name = name_of(cls)
    return (
        name if name != cls.__name__ else re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    )


@cache
def _stored_as(cls: type) -> tuple[str, int]:
    owner, name, version = getattr(cls, _STORED_AS, (None, "", 0))
    # A subclass does not inherit the name: two types under one name would be a mistake.
    return (name, version) if owner is cls else (cls.__name__, 1)
