"""From a ``ReadModel`` class to a projection: everything that can be wrong with it is found here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from twofold.errors import DefinitionError
from twofold.messages import name_of
from twofold.messages.handlers import evolvers
from twofold.messages.markers import KEY, fields, marked
from twofold.messages.naming import snake_name_of
from twofold.projections.columns import column_of
from twofold.projections.indexes import NAME_MAX, indexes_of
from twofold.projections.keys import checker
from twofold.projections.model import ReadModel
from twofold.projections.projection import Projection
from twofold.projections.steps import steps_of
from twofold.projections.table import Table

_PLAIN = re.compile(rf"[a-z_][a-z0-9_]{{0,{NAME_MAX - 1}}}")


def by_name(projections: Iterable[Projection]) -> dict[str, Projection]:
    """Projections by name; ``DefinitionError`` for two under one."""
    found: dict[str, Projection] = {}
    for projection in projections:
        other = found.setdefault(projection.name, projection)
        if other is not projection:
            raise DefinitionError(
                f"Two read models under the name {projection.name}",
                other.cls,
                projection.cls,
                remedy="Give one another name: @stored_as.",
            )
    return found


def define(cls: type[ReadModel]) -> Projection:
    """The projection of a read model.

    Raises ``DefinitionError`` for a class that has no key, folds nothing or one event twice, has
    a column that cannot be stored or a name that is not plain, for an event whose key nothing gives, and for wishes in
    ``@evolve`` that do not go together.
    """
    table = table_of(cls)
    steps = steps_of(cls, table)
    required = [name for name in _required(cls) if name not in table.key]
    types = frozenset(map(name_of, steps))
    sought = {handler.mark.where for handler in evolvers(cls).values() if handler.mark.where}
    table = msgspec.structs.replace(table, folds=tuple(sorted(types)), sought=tuple(sorted(sought)))
    return Projection(cls, table, steps, types, checker(table.key_columns), required)


def table_of(cls: type[ReadModel]) -> Table:
    """The table of a read model, without what it folds; ``DefinitionError`` as for ``define``."""
    hints = fields(cls)
    key = marked(cls, KEY)
    if not key:
        raise DefinitionError(
            f"{cls.__name__} has no key", cls, remedy="Mark the field that says which row, as in family_id: Key[str]."
        )
    table = _plain(cls, snake_name_of(cls))
    defaults = _defaults(cls)
    columns = tuple(column_of(cls, _plain(cls, name), hint, defaults[name]) for name, hint in hints.items())
    for column in columns:
        if column.name in key and (column.optional or column.kind in ("json", "float")):
            raise DefinitionError(
                f"{cls.__name__}.{column.name} cannot be a key: it is {'optional' if column.optional else column.kind}",
                cls,
                remedy="Use a field of an exact plain type that always has a value.",
            )
    indexes = indexes_of(cls, table, columns, hints)
    return Table(table, columns, tuple(name for name in hints if name in key), indexes, _maker(cls))


def _plain(cls: type, name: str) -> str:
    if not _PLAIN.fullmatch(name) or name.startswith("twofold_"):
        raise DefinitionError(
            f"{cls.__name__}: {name!r} cannot be the name of a table or column",
            cls,
            remedy=f"Use a-z, 0-9 and _, at most {NAME_MAX}; names that begin with twofold_ are kept.",
        )
    return name


def _required(cls: type[Any]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(cls) if field.required]


def _defaults(cls: type[Any]) -> dict[str, Any]:
    return {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(cls)
    }


def _maker(cls: type[Any]) -> Callable[..., Any]:
    """Makes a row from its columns in order.

    Compiled for the class, as ``namedtuple`` does it: a call with its keywords written out takes a quarter of the time
    that a dict of names takes. The names are fields of a class, so they are identifiers.
    """
    names: Sequence[str] = cls.__struct_fields__
    source = f"lambda {', '.join(names)}: cls({', '.join(f'{name}={name}' for name in names)})"
    maker: Callable[..., Any] = eval(source, {"cls": cls})
    return maker
