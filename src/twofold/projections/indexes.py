"""Indexes as a read model declares them: on one column by ``Indexed[…]``, on any by ``@indexed(…)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar
from zlib import crc32

from twofold.errors import DefinitionError
from twofold.messages.markers import INDEXED, has_mark
from twofold.projections.table import Column, Index

C = TypeVar("C", bound=type)

NAME_MAX = 63
"""Bytes in a name of PostgreSQL, which cuts longer ones off without a word."""

_DECLARED = "__twofold_indexes__"
_COLUMN = re.compile(r"(\w+)(?:\s+(asc|desc))?", re.IGNORECASE)
_TOKEN = re.compile(
    r"\s+|'(?:[^']|'')*'|\d+(?:\.\d+)?|(?P<word>[A-Za-z_]\w*)|(?!--|/\*)[-+*/()<>=,]|!=|(?P<odd>.)", re.DOTALL
)
_OPERATORS = frozenset(["and", "or", "not", "is", "null", "in", "between", "true", "false"])


def indexed(*columns: str, where: str = "") -> Callable[[C], C]:
    """Keep an index on these columns of a read model, in order, each as ``"risk_tier"`` or ``"risk_score desc"``.

    ``where`` leaves out all rows but those for which it is true: SQL of columns, literals and operators. Several
    decorators make several indexes. What is wrong with one is a ``DefinitionError`` when the read model is defined.
    """

    def declare(cls: C) -> C:
        setattr(cls, _DECLARED, ((columns, where), *cls.__dict__.get(_DECLARED, ())))
        return cls

    return declare


def indexes_of(cls: type, table: str, columns: Sequence[Column], hints: Mapping[str, object]) -> tuple[Index, ...]:
    """The indexes of a read model; ``DefinitionError`` for one on nothing, on a document, or declared twice."""
    kinds = {column.name: column for column in columns}
    found: dict[str, Index] = {}
    for names, where in _declared(cls, hints):
        index = _index(cls, table, kinds, names, where)
        if index.name in found:
            raise DefinitionError(
                f"{cls.__name__} has the index on {index.definition} twice", cls, remedy="Remove one of them."
            )
        found[index.name] = index
    return tuple(found.values())


def _declared(cls: type, hints: Mapping[str, object]) -> Iterator[tuple[Sequence[str], str]]:
    for name, hint in hints.items():
        if has_mark(hint, INDEXED):
            yield (name,), ""
    yield from cls.__dict__.get(_DECLARED, ())


def _index(cls: type, table: str, kinds: Mapping[str, Column], columns: Sequence[str], where: str) -> Index:
    if not columns:
        raise DefinitionError(f"{cls.__name__} has an index on nothing", cls, remedy="Name the columns.")
    parts = [_part(cls, kinds, column) for column in columns]
    names = tuple(name for name, _ in parts)
    if len(set(names)) < len(names):
        raise DefinitionError(f"{cls.__name__} has an index on one column twice: {', '.join(names)}", cls)
    _check_predicate(cls, kinds, where)
    index = Index("", names, tuple(name for name, descends in parts if descends), " ".join(where.split()))
    return Index(_name_of(table, index), index.columns, index.descending, index.where)


def _part(cls: type, kinds: Mapping[str, Column], text: str) -> tuple[str, bool]:
    found = _COLUMN.fullmatch(text.strip())
    column = kinds.get(found[1]) if found else None
    if found is None or column is None:
        raise DefinitionError(
            f"{cls.__name__} has no column {text!r} to be indexed",
            cls,
            remedy=f'Name a column, as in "total" or "total desc": {", ".join(kinds)}.',
        )
    if column.kind == "json":
        raise DefinitionError(
            f"{cls.__name__}.{column.name} cannot be indexed: it is a document",
            cls,
            remedy="Keep what is searched for in a column of its own.",
        )
    return column.name, (found[2] or "").lower() == "desc"


def _check_predicate(cls: type, kinds: Mapping[str, Column], where: str) -> None:
    for token in _TOKEN.finditer(where):
        word = token["word"]
        strange = token["odd"] or (word if word and word not in kinds and word.lower() not in _OPERATORS else None)
        if strange:
            raise DefinitionError(
                f"{cls.__name__} has an index where {where!r}, and {strange!r} is not a column, literal or operator",
                cls,
                remedy=f"Use what every database knows, and these columns: {', '.join(kinds)}.",
            )


def _name_of(table: str, index: Index) -> str:
    """Another name for every other definition, so that an index of this name need not be looked at again."""
    words = [f"{name}_desc" if name in index.descending else name for name in index.columns]
    name = f"{table}_{'_'.join(words)}_idx"
    if index.where:
        name = f"{name[:-4]}_{crc32(index.where.encode()):08x}_idx"
    return fitting(name)


def fitting(name: str) -> str:
    """The name, or one as good that is short enough."""
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 9]}_{crc32(name.encode()):08x}"
