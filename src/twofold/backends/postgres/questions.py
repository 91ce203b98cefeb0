"""Questions to the read models: spelled for PostgreSQL, over connections that cannot write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import asyncpg
from asyncpg.pgproto.pgproto import UUID as DriversUUID  # noqa: N811 - not the one everybody knows

from twofold.backends.postgres.connection import Connections
from twofold.backends.postgres.failures import failure, is_farewell
from twofold.backends.postgres.lanes import Lanes
from twofold.backends.postgres.spelling import Spelling
from twofold.errors import QueryError, StoreUnavailableError, TwofoldError
from twofold.projections.port import Found
from twofold.projections.table import Table
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.postgres", "reads.sql")

_TOO_LONG = "57014"
_CANNOT_WRITE = "25006"
_OF_THE_SERVER = ("08", "28", "3D", "40", "53", "55", "57", "58", "F0", "XX")
"""Classes of SQLSTATE that speak of the server, not of the statement."""


class Questions:
    """Statements that only read, over at most ``pool_max`` connections, each at most ``timeout_seconds``."""

    def __init__(self, url: str, *, schema: str, timeout_seconds: float, pool_max: int) -> None:
        self._timeout_seconds = timeout_seconds
        settings = {
            "application_name": "twofold questions",
            "default_transaction_read_only": "on",
            "statement_timeout": f"{timeout_seconds * 1000:.0f}",
            "transaction_timeout": "0",
        }
        self._connections = Connections(url, schema, size_max=pool_max, settings=settings)
        self._lanes = Lanes(self._connections, count_max=pool_max)
        self._spelling = Spelling()

    def know(self, tables: Sequence[Table]) -> None:
        """Which tables questions are about."""
        self._spelling = Spelling(tables)

    async def open(self) -> None:
        """Begin. Whoever owns this has connected to the same database, so what is wrong there has shown; questions connect when asked."""
        if self._connections.address.through_pooler:
            await self._connections.open(at_once=False)

    def on_loss(self, listener: Callable[[], None]) -> None:
        """Call it when a connection is lost."""
        self._connections.on_loss(listener)

    async def close(self) -> None:
        await self._lanes.close()
        await self._connections.close()

    async def rows(self, sql: str, params: Mapping[str, object]) -> list[asyncpg.Record]:
        """What one statement finds. ``QueryError`` for what PostgreSQL refuses, for writing, and for taking too long."""
        said = self._spelling.spelled(sql)
        if "set_config" in said.written.words:
            # It would outlive the question, and could take away what keeps the next ones from writing.
            raise QueryError("A question cannot change settings (set_config)", remedy="Only read in a question.")
        try:
            values = said.values(params)
        except (ValueError, TypeError, OverflowError) as error:
            raise refused(error) from error
        if self._connections.address.through_pooler:
            return await self._through_pooler(said.text, values)
        try:
            return await self._lanes.fetch(said.text, values)
        except asyncpg.PostgresError as error:
            raise self._told(error) from error

    async def ask(self, sql: str, params: Mapping[str, object]) -> Found:
        """The same for any shape of rows, with exact numbers as text."""
        rows = await self.rows(sql, params)
        return Found(list(rows[0].keys()) if rows else [], [_plain(row) for row in rows])

    async def _through_pooler(self, text: str, values: Sequence[object]) -> list[asyncpg.Record]:
        # There no session is ours, and a transaction is what can be read-only.
        async with self._connections.transaction(read_only=True) as connection:
            try:
                return await connection.fetch(text, *values)
            except asyncpg.PostgresError as error:
                raise self._told(error) from error

    def _told(self, error: asyncpg.PostgresError) -> TwofoldError:
        """The error in our words: the statement's, or the server's."""
        state = error.sqlstate or ""
        if state == _TOO_LONG:
            return QueryError(
                f"The question took longer than {self._timeout_seconds:g} s",
                remedy="Add an index, ask for less, or raise query_seconds (App(…)).",
            )
        if state == _CANNOT_WRITE:
            return QueryError("A question cannot write", remedy="Send a command; its events change the read models.")
        return failure(error, self._connections.address) if of_the_server(error) else refused(error)


def of_the_server(error: asyncpg.PostgresError) -> bool:
    """Whether an error speaks of the server, not of the statement."""
    return (error.sqlstate or "")[:2] in _OF_THE_SERVER or is_farewell(error)


async def secret_of(questions: Questions) -> bytes:
    """What signs cursors. ``StoreUnavailableError`` on a replica that does not have it yet."""
    try:
        rows = await questions.rows(_SQL["secret"], {})
    except QueryError:
        rows = []
    if not rows:
        raise StoreUnavailableError("The read database has no secret for cursors yet", reason="busy")
    secret: bytes = rows[0][0]
    return secret


def refused(error: BaseException) -> QueryError:
    return QueryError(f"The read database refused: {error}", remedy="Mend the statement or its parameters.")


def _plain(row: asyncpg.Record) -> Sequence[Any]:
    return [_TEXTS[type(value)](value) if type(value) in _TEXTS else value for value in row.values()]


_TEXTS: dict[type, Callable[[Any], str]] = {Decimal: lambda value: format(value, "f"), DriversUUID: str}
