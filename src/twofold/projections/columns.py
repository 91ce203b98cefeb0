"""From a field's annotation to a column: which kind holds it exactly, or why none does."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

import msgspec

from twofold.errors import DefinitionError
from twofold.messages.handlers import alternatives
from twofold.messages.markers import SEARCHABLE, has_mark
from twofold.projections.table import Column, Kind

_KINDS: dict[object, Kind] = {
    int: "int", str: "text", bool: "bool", float: "float", Decimal: "decimal", date: "date", datetime: "datetime",
    timedelta: "timedelta", UUID: "uuid",
}  # fmt: skip
_REMEDY = "Use int, str, bool, float, Decimal, date, datetime, timedelta, UUID, an Enum of texts, or structs, lists and dicts of those."


def column_of(cls: type, name: str, hint: object, default: Any = msgspec.NODEFAULT) -> Column:
    """The column for a field, or ``DefinitionError`` for a type that no column can hold."""
    bare = _bare(hint)
    members = [each for each in alternatives(bare) if each is not type(None)]
    optional = len(members) < len(alternatives(bare))
    type_ = _bare(members[0]) if len(members) == 1 else bare
    kind = _kind(type_)
    if kind is None:
        raise DefinitionError(f"{cls.__name__}.{name} cannot be stored: {_named(type_)}", cls, remedy=_REMEDY)
    given = default is not msgspec.NODEFAULT
    searchable = has_mark(hint, SEARCHABLE)
    if searchable and type_ not in (str, list[str]):
        raise DefinitionError(
            f"{cls.__name__}.{name} cannot be searchable: {_named(type_)}",
            cls,
            remedy="Use str, str | None or list[str].",
        )
    return Column(name, kind, type_, optional, given or optional, default if given else None, searchable)


def _bare(hint: object) -> Any:
    """A type without marks and constraints: they were checked when the event was."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint


def _kind(type_: Any) -> Kind | None:
    if type_ in _KINDS:
        return _KINDS[type_]
    if isinstance(type_, type) and issubclass(type_, Enum):
        return "enum" if all(isinstance(member.value, str) for member in type_) else None
    if get_origin(type_) is Literal:
        return "text" if all(isinstance(value, str) for value in get_args(type_)) else None
    return "json" if _is_document(type_) else None


def _is_document(type_: Any) -> bool:
    """Whether JSON holds it and gives it back: structs, lists, dicts and the like, of types that msgspec knows."""
    try:
        found = msgspec.inspect.type_info(type_)
    except (TypeError, NameError):
        return False
    return isinstance(found, _DOCUMENTS) and not holds(type_, msgspec.inspect.CustomType)


_DOCUMENTS = (
    msgspec.inspect.CollectionType, msgspec.inspect.DictType, msgspec.inspect.TupleType, msgspec.inspect.StructType,
    msgspec.inspect.DataclassType, msgspec.inspect.TypedDictType, msgspec.inspect.NamedTupleType, msgspec.inspect.UnionType,
)  # fmt: skip


def holds(type_: Any, *kinds: type[msgspec.inspect.Type]) -> bool:
    """Whether a type that msgspec knows is made with any of these kinds of type, at whatever depth."""
    return _holds(msgspec.inspect.type_info(type_), kinds, frozenset())


def _holds(found: object, kinds: tuple[type[msgspec.inspect.Type], ...], seen: frozenset[int]) -> bool:
    if isinstance(found, kinds):
        return True
    if not isinstance(found, msgspec.Struct) or id(found) in seen:
        return False
    parts = [getattr(found, name) for name in found.__struct_fields__]
    inner = [each for part in parts for each in (part if isinstance(part, tuple) else (part,))]
    return any(_holds(each, kinds, seen | {id(found)}) for each in inner)


def _named(type_: Any) -> str:
    return type_.__name__ if isinstance(type_, type) else str(type_)
