"""Fingerprints: what tells whether the code that folds a read model is still the code that its rows were made with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from twofold.messages import name_of
from twofold.messages.handlers import always_of, evolvers
from twofold.messages.naming import version_of
from twofold.projections.keys import is_by_stream
from twofold.projections.model import ReadModel
from twofold.projections.projection import Projection
from twofold.projections.source import Function, said_by
from twofold.projections.sql import SqlProjection
from twofold.projections.table import Column


def fingerprint(projection: Projection) -> str:
    """Sixteen hex digits that change when the rows may come out otherwise.

    Columns with their types and defaults, key, group, event types, the version in ``@stored_as``, and what the folds,
    the key functions and whatever they use of the same package do. Not in it: indexes, layout, comments, docstrings,
    and the version of Python.
    """
    cls, table = projection.cls, projection.table
    return _digest(
        [
            f"{table.name} {version_of(cls)} in {table.group or 'no group'}, key {', '.join(table.key)}",
            *(_column(column) for column in table.columns),
            *(["by stream"] if is_by_stream(cls) else []),
            *_wishes(cls),
            *said_by(_functions(cls), cls),
        ]
    )


def sql_fingerprint(projection: SqlProjection) -> str:
    """The same for a projection that writes SQL: its tables, event types and what it does."""
    does = [projection.statement] if projection.statement else said_by({"it": projection.apply}, projection.apply)
    return _digest([projection.layout.definition, *does])


def joined(fingerprints: Iterable[str]) -> str:
    """That of a group, whose read models are folded together."""
    found = sorted(fingerprints)
    return found[0] if len(found) == 1 else _digest(found)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _column(column: Column) -> str:
    mark = "?" if column.optional else ""
    default = f" = {_json(column.default)}" if column.has_default else ""
    made_of = f" {_json(msgspec.json.schema(column.type))}" if column.kind in ("json", "enum") else ""
    return f"{column.name} {column.kind}{mark}{made_of}{default}"


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic", enc_hook=repr).decode()


def _wishes(cls: type[ReadModel]) -> list[str]:
    """Which method folds which event, and what it says about rows."""
    said = []
    for event, handler in evolvers(cls).items():
        mark = handler.mark
        flags = [name for name in ("creates", "if_exists", "moves") if getattr(mark, name)]
        where = f" where {mark.where}" if mark.where else ""
        said.append(f"{name_of(event)} by {handler.function.__name__} {' '.join(flags)}{where}")
    return sorted(said)


def _functions(cls: type[ReadModel]) -> dict[str, Function]:
    found: dict[str, Any] = {}
    for handler in evolvers(cls).values():
        name = handler.function.__name__
        found[f".{name}"] = handler.function
        if handler.mark.key is not None:
            found[f"key of {name}"] = handler.mark.key
    if (always := always_of(cls)) is not None:
        found[f".{always.__name__}"] = always
    return found
