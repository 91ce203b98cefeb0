"""Marks on fields: ``Key[str]``, ``Tag[str]``, ``Indexed[str]`` and the like. To a type checker and to JSON they are plain types."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Annotated, TypeVar, get_args, get_origin, get_type_hints

from twofold.errors import DefinitionError

T = TypeVar("T")


class Mark:
    """A mark on a field; each is one object, compared by identity."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


KEY = Mark("Key")
TAG = Mark("Tag")
INDEXED = Mark("Indexed")
SEARCHABLE = Mark("Searchable")

Key = Annotated[T, KEY]
"""The field that says which one: the stream of an aggregate, the tag of a boundary, the row of a read model."""

Tag = Annotated[T, TAG]
"""A field of an event that criteria can ask for. A list gives a tag for each item, None gives none."""

Indexed = Annotated[T, INDEXED]
"""A column of a read model that the database keeps an index on."""

Searchable = Annotated[T, SEARCHABLE]
"""A text, or list of texts, of a read model whose words ``matches(table, :text)`` finds by their beginnings."""


@lru_cache(maxsize=1024)
def hints(thing: Hashable) -> Mapping[str, object]:
    """The annotations of a class or function, with their marks.

    They are kept, because an app asks for those of each class several times, and each time every one would be compiled.
    Raises ``DefinitionError`` where a name in them cannot be found.
    """
    try:
        return get_type_hints(thing, include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"An annotation names {error.name}, which is not there",
            thing,
            remedy="Define or import it at the top of the module, not under TYPE_CHECKING or inside a function.",
        ) from error


def fields(cls: type) -> dict[str, object]:
    """The annotated fields of a message, aggregate or read model, in order, without class variables."""
    known: tuple[str, ...] = getattr(cls, "__struct_fields__", ())
    every = hints(cls)
    return {name: every[name] for name in known}


def marked(cls: type, mark: Mark) -> tuple[str, ...]:
    """The names of the fields that carry the mark, in order."""
    return tuple(name for name, hint in fields(cls).items() if has_mark(hint, mark))


def has_mark(hint: object, mark: Mark) -> bool:
    """Whether a type carries the mark, also where marks are nested."""
    return get_origin(hint) is Annotated and any(arg is mark for arg in get_args(hint)[1:])
