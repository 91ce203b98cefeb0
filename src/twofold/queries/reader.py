"""``Reader``: how a query handler asks the read models, in SQL, and gets typed rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar, cast

from twofold.errors import QueryError
from twofold.projections.model import ReadModel
from twofold.projections.port import AskedStore
from twofold.projections.table import Table
from twofold.queries.cursors import Cursors
from twofold.queries.pages import Page, Paging
from twofold.queries.results import typed
from twofold.queries.statement import parse

T = TypeVar("T")

Begin = Callable[[Collection[str]], Awaitable[None]]
"""Called before each statement with the tables that it names; it returns when these may be read."""


class Reader:
    """Asks the read database; it cannot write there.

    ``sql`` is a whole ``select``, or, when the type is a ``ReadModel`` of the app, what comes after ``select … from``
    its table: ``"where risk_score >= :min order by risk_score desc"``. Parameters are written ``:name`` and given by
    name. Each method raises ``QueryError`` for what the database refuses and for rows that do not fit the type, and
    ``BehindError`` when a read model does not reach in time what the question must see.
    """

    def __init__(
        self,
        reads: AskedStore,
        tables: Mapping[type[Any], Table],
        begin: Begin | None = None,
        cursors: Cursors | None = None,
        names: Collection[str] | None = None,
    ) -> None:
        self._reads = reads
        self._tables = tables
        self._begin = begin
        self._cursors = cursors or Cursors(reads)
        self._names = names or {table.name for table in tables.values()}

    async def all(self, type: type[T], sql: str = "", /, **params: object) -> list[T]:
        """Every row, in the statement's order."""
        statement = parse(sql)
        table = self._tables.get(type)
        if statement.is_whole:
            table = None
        elif table is None:
            _refuse_unknown(type)
        if self._begin is not None:
            await self._begin(self._named(statement.words, table))
        if table is not None:
            return cast("list[T]", await self._reads.select(table, sql, params))
        return typed(type, await self._reads.query(sql, params))

    async def one(self, type: type[T], sql: str, /, **params: object) -> T | None:
        """The one row, or None; ``QueryError`` if there are several."""
        rows = await self.all(type, sql, **params)
        if len(rows) > 1:
            raise QueryError(f"Asked for one row, found {len(rows)}", remedy="Ask by key, use limit 1, or use all().")
        return rows[0] if rows else None

    async def scalar(self, type: type[T], sql: str, /, **params: object) -> T | None:
        """The one value of the one row; None where there is no row or it is NULL."""
        nullable: Any = type | None
        value: T | None = await self.one(nullable, sql, **params)
        return value

    async def page(
        self,
        type: type[T],
        sql: str = "",
        /,
        *,
        order_by: str = "",
        size: int = 20,
        cursor: str | None = None,
        **params: object,
    ) -> Page[T]:
        """At most ``size`` rows in the order of ``order_by``, from where ``cursor`` (of another page) says.

        ``sql`` is a ``select`` or ``where …``, without an order of its own. The key of a read model is added to the
        order; for other types ``order_by`` must tell any two rows apart, and ``QueryError`` says where it does not.
        NULL comes last unless ``nulls first`` is said. A page begins right behind the row that its cursor was made
        from, however many have come and gone since. Raises ``InvalidInputError`` for a cursor of another question.
        """
        table = self._tables.get(type)
        if table is None and not parse(sql).is_whole:
            _refuse_unknown(type)
        paging = Paging(type, table, sql, order_by, size, params)
        at = None if cursor is None else await self._cursors.read(cursor, paging.question)
        text, given = paging.statement(at)
        if self._begin is not None:
            await self._begin(self._named(parse(text).words, table))
        if table is not None and not paging.is_whole:
            rows = cast("list[T]", await self._reads.select(table, text, given))
            values = paging.values(rows)
        else:
            found = await self._reads.query(text, given)
            rows, values = typed(type, found), paging.found_values(found)
        return await paging.page(rows, values, at, self._cursors)

    def _named(self, words: frozenset[str], table: Table | None) -> Collection[str]:
        """The tables that a statement names. Behind a view none may be: then it is about all of them."""
        named = {name for name in self._names if name in words or (table is not None and name == table.name)}
        return named or self._names


def _refuse_unknown(cls: Any) -> None:
    """``QueryError`` for the end of a statement about a read model that this app does not have."""
    if isinstance(cls, type) and issubclass(cls, ReadModel):
        raise QueryError(f"{cls.__name__} is no read model of this app", remedy="Add it to App(...).")
