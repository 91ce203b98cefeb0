"""What a generation consists of: tables of read models, or the tables that a SQL projection makes itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from twofold.errors import StoreRefusedError
from twofold.projections.table import Table


class Layout(msgspec.Struct, frozen=True):
    """The tables of a SQL projection: ``schema`` makes them, ``definition`` says what they were made from."""

    name: str
    tables: tuple[str, ...]
    schema: str
    definition: str


Made: TypeAlias = Table | Layout
"""What is made, exchanged and dropped together with its generation."""


def tables_of(made: Iterable[Made]) -> list[Table]:
    """Those that are tables of read models."""
    return [each for each in made if isinstance(each, Table)]


def layouts_of(made: Iterable[Made]) -> list[Layout]:
    """Those that are of SQL projections."""
    return [each for each in made if isinstance(each, Layout)]


def missing(tables: Iterable[str]) -> StoreRefusedError:
    """The error for tables of a generation that somebody has dropped."""
    return StoreRefusedError(
        f"The read database has changed: no table {', '.join(sorted(tables))}",
        reason="schema",
        remedy="Give up what was built (twofold projections cancel), and build it anew.",
    )


def not_beside(layout: Layout, made: str) -> StoreRefusedError:
    """The error for a schema that makes what cannot be there twice, and take the place of the other."""
    return StoreRefusedError(
        f"{layout.name} cannot be built beside itself: its schema makes {made}",
        reason="not-beside",
        remedy="Let it make tables and indexes only. Or stop every process, drop what it has made, and start: it is filled again.",
    )
