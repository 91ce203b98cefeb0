"""Keyset paging: one page of a question's rows, with the cursors of its neighbours; never an offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

import msgspec

from twofold.errors import InvalidInputError, QueryError
from twofold.projections.port import Found
from twofold.projections.table import Table
from twofold.queries.cursors import Cursor, Cursors
from twofold.queries.orders import beyond, page_of_rows, page_of_select, terms_of
from twofold.queries.statement import parse

T = TypeVar("T")

SIZE_MAX = 10_000
"""Rows of one page, all of which are in memory at once."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some rows of an answer, in order. ``next`` and ``previous`` are cursors; None where the rows end."""

    rows: list[T]
    next: str | None = None
    previous: str | None = None


class Paging(Generic[T]):
    """How a question is asked in pages. ``question`` is what its cursors are bound to: all of it but the size."""

    def __init__(
        self, type: type[T], table: Table | None, sql: str, order_by: str, size: int, params: Mapping[str, object]
    ) -> None:
        if not 1 <= size <= SIZE_MAX:
            raise InvalidInputError(f"No size of a page: {size}", what="size", remedy=f"Ask for 1 to {SIZE_MAX} rows.")
        self.is_whole = parse(sql).is_whole
        self._sql, self._size, self._params = sql, size, params
        self._terms = terms_of(order_by, table, qualified=not self.is_whole)
        self.question = msgspec.json.encode((str(type), sql, order_by, sorted(params.items())), enc_hook=repr)

    def statement(self, at: Cursor | None) -> tuple[str, Mapping[str, object]]:
        """The SQL of the page at a cursor and one row more, with its parameters. Backwards it is in opposite order."""
        terms = tuple(term.turned for term in self._terms) if at and at.backwards else self._terms
        condition, values = beyond(terms, at.values) if at else ("", {})
        cut = page_of_select if self.is_whole else page_of_rows
        return cut(self._sql, terms, condition), {**self._params, **values, "twofold_size": self._size + 1}

    def values(self, rows: Sequence[T]) -> list[Sequence[Any]]:
        """What each row is ordered by."""
        get = [attrgetter(term.column) for term in self._terms]
        return [[each(row) for each in get] for row in rows]

    def found_values(self, found: Found) -> list[Sequence[Any]]:
        """The same where rows are as the database found them."""
        get = [itemgetter(found.columns.index(term.column)) for term in self._terms] if found.rows else []
        return [[each(row) for each in get] for row in found.rows]

    async def page(
        self, rows: Sequence[T], values: Sequence[Sequence[Any]], at: Cursor | None, cursors: Cursors
    ) -> Page[T]:
        """The page out of what its statement found. ``QueryError`` where the order does not tell two rows apart."""
        more, backwards = len(rows) > self._size, at is not None and at.backwards
        if any(one == other for one, other in pairwise(values)):
            raise QueryError("Two rows stand at one place of the order", remedy="Add a unique column to order_by.")
        here, places = list(rows[: self._size]), list(values[: self._size])
        if backwards:
            here.reverse()
            places.reverse()
        # Where a cursor came from there is a neighbour, and one row too many is the sign of another on the other side.
        follows, precedes = (True, more) if backwards else (more, at is not None)
        question = self.question
        return Page(
            here,
            await cursors.text(Cursor(tuple(places[-1])), question) if here and follows else None,
            await cursors.text(Cursor(tuple(places[0]), backwards=True), question) if here and precedes else None,
        )
