"""Which tables a statement is about, and by which names it calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from twofold.projections.table import Table
from twofold.queries.statement import Part, Statement, Word

KEYWORDS = frozenset(
    """
    all and any as asc between by case cast collate cross current desc distinct else end escape except exists false
    fetch filter first following for from full glob group having in inner intersect is isnull join last lateral left
    like limit natural not notnull null nulls offset on or order outer over partition preceding range recursive right
    rows select then true unbounded union using values when where window with within
    """.split()  # noqa: SIM905 - thirty lines of quotes would hide them
)
"""Words that are not the name of a column, table or function."""


def relations(statement: Statement, tables: Iterable[Table]) -> Mapping[str, Table]:
    """The tables that a statement names, each under its name and its alias."""
    known = {table.name: table for table in tables}
    parts = significant(statement.parts)
    found: dict[str, Table] = {}
    for at, part in enumerate(parts):
        if isinstance(part, Word) and part.name in known and (at == 0 or parts[at - 1] != "."):
            found[part.name] = known[part.name]
            alias = _alias(parts[at + 1 : at + 3])
            if alias is not None:
                found[alias] = known[part.name]
    return found


def _alias(following: Sequence[Part]) -> str | None:
    if following and isinstance(following[0], Word) and following[0].name == "as":
        following = following[1:]
    first = following[0] if following else None
    return first.name if isinstance(first, Word) and first.name not in KEYWORDS else None


def significant(parts: Iterable[Part]) -> list[Part]:
    """Parts without white space and comments."""
    return [part for part in parts if not is_blank(part)]


def is_blank(part: Part) -> bool:
    return isinstance(part, str) and (not part.strip() or part.startswith(("--", "/*")))
