"""The open transaction of a SQL projection."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import asyncpg

from twofold.backends.postgres.connection import Connection, quoted
from twofold.backends.postgres.failures import FAILURES, failure
from twofold.backends.postgres.questions import of_the_server, refused
from twofold.backends.postgres.spelling import spelled
from twofold.backends.postgres.tables import arrays, statements
from twofold.errors import QueryError
from twofold.projections.table import Table
from twofold.queries.statement import parse
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.postgres", "reads.sql")


class PostgresWriter:
    """A ``Writer`` over one connection."""

    dialect: Literal["postgresql"] = "postgresql"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, /, **params: object) -> None:
        await self.rows(sql, **params)

    async def rows(self, sql: str, /, **params: object) -> list[dict[str, Any]]:
        said = spelled(sql)
        if said.written.first_word in ("begin", "start", "commit", "end", "abort", "rollback", "savepoint", "release"):
            raise QueryError("The transaction is not a projection's to end", remedy="Raise an error to undo the page.")
        values = said.values(params)
        with told():
            return [dict(row) for row in await self._connection.fetch(said.text, *values)]

    async def execute_over(self, sql: str, table: Table, rows: Sequence[Any]) -> None:
        text = spelled(sql).text
        goes_on = parse(sql).first_word == "with"
        said = _SQL["with_rows"].format(
            table=quoted(table.name),
            columns=", ".join(map(quoted, table.names)),
            arrays=arrays(table),
            statement=f", {text.lstrip()[len('with') :]}" if goes_on else text,
        )
        with told():
            await self._connection.execute(said, *statements(table).codec.columns(rows))


@contextmanager
def told() -> Generator[None]:
    """Raise what the server will never take as ``QueryError``, and what speaks of the server itself as ``StoreError``."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise (failure(error, "the read database") if of_the_server(error) else refused(error)) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise refused(error) from error
    except FAILURES as error:
        raise failure(error, "the read database") from error
