"""What becomes of a table whose read model is defined otherwise now: it is amended in place, or must be built again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from twofold.errors import StoreRefusedError
from twofold.projections.layout import Layout
from twofold.projections.table import Column, Table

NOTHING = "nothing"


class Amendment(msgspec.Struct, frozen=True, eq=False):
    """What brings a table up to date while its rows stay: columns to add, our indexes to drop, words to make anew.

    Indexes to make are not in it: whatever is declared and missing is made at each start.
    """

    columns: tuple[Column, ...] = ()
    dropped: tuple[str, ...] = ()
    searched: bool = False


def refuse_changed(layout: Layout, made_from: str | None, tables_there: Collection[str]) -> None:
    """``StoreRefusedError`` for a SQL projection whose tables are there, but were not made from this definition."""
    if made_from is None and tables_there:
        raise _foreign(next(iter(tables_there)))
    if made_from is not None and tables_there and made_from != layout.definition:
        raise StoreRefusedError(
            f"The definition of {layout.name} has changed: {made_from} -> {layout.definition}",
            reason="definition-changed",
            remedy=f"A rebuild is needed: twofold projections rebuild {layout.name}.",
        )


def refuse_partial_groups(tables: Collection[Table], there: Collection[str]) -> None:
    """``StoreRefusedError`` for a group of which some tables are there and some are not: they are filled together."""
    for table in tables:
        others = [other.name for other in tables if table.group and other.group == table.group and other.name in there]
        if others and table.name not in there:
            raise StoreRefusedError(
                f"The group {table.group} has {', '.join(others)}, but not {table.name}",
                reason="definition-changed",
                remedy=f"A rebuild is needed: drop {', '.join(others)} too, and the next start fills them from the log.",
            )


def _foreign(name: str) -> StoreRefusedError:
    return StoreRefusedError(
        f"There is a table or view {name} that is not a read model of Twofold",
        reason="foreign",
        remedy="Name the read model otherwise (@stored_as), or keep read models in a schema of their own.",
    )


class _Text(msgspec.Struct, frozen=True):
    """A definition taken apart: columns and indexes by name, and what else it says by its first word."""

    columns: Mapping[str, str]
    others: Mapping[str, str]
    searched: str
    indexes: Mapping[str, str]


def amendment(table: Table, made_from: str | None) -> Amendment:
    """How to amend a table that was made from another definition.

    Raises ``StoreRefusedError``: ``foreign`` for a table that is not ours (None), ``definition-changed`` for what only
    a rebuild can bring about.
    """
    if made_from is None:
        raise _foreign(table.name)
    if made_from == table.definition:
        return Amendment()
    old, new = _parsed(made_from), _parsed(table.definition)
    if found := list(_differences(table, old, new)):
        raise StoreRefusedError(
            f"The definition of {table.name} has changed: {'; '.join(found)}",
            reason="definition-changed",
            remedy=f"A rebuild is needed: twofold projections rebuild {table.subscription}.",
        )
    return Amendment(
        tuple(column for column in table.columns if column.name not in old.columns),
        tuple(name for name in old.indexes if name not in new.indexes),
        old.searched != new.searched,
    )


def _differences(table: Table, old: _Text, new: _Text) -> Iterator[str]:
    """What rows that are there cannot follow, in words."""
    has_default = {column.name: column.has_default for column in table.columns}
    for name in [*old.columns, *(new.columns.keys() - old.columns.keys())]:
        was, now = old.columns.get(name, NOTHING), new.columns.get(name, NOTHING)
        if was == NOTHING and not has_default[name]:
            yield f"column {name}: nothing -> {now}, without a default"
        elif was not in (now, NOTHING):
            yield f"column {name}: {was} -> {now}"
    for part in dict.fromkeys([*old.others, *new.others]):
        was, now = old.others.get(part, NOTHING), new.others.get(part, NOTHING)
        if was != now:
            yield f"{part}: {was} -> {now}"


def _parsed(definition: str) -> _Text:
    head, _, indexes = definition.partition("; indexes ")
    columns, *parts = head.split("; ")
    others = dict(part.split(" ", 1) for part in parts)
    return _Text(
        columns=dict(column.split(" ", 1) for column in columns.split(", ")),
        searched=others.pop("search", ""),
        others=others,
        indexes=msgspec.json.decode(indexes or "{}", type=dict[str, str]),
    )
