"""The read models on a replica: questions go there, and so does every look at how far it has come."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import asyncpg

from twofold.backends.postgres.connection import Connections
from twofold.backends.postgres.questions import Questions, secret_of
from twofold.backends.postgres.tables import statements
from twofold.projections.port import Found
from twofold.projections.table import Table
from twofold.store.pages import load_page
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import standing

_SQL = load_page("twofold.backends.postgres", "reads.sql")


class PostgresReplica:
    """An ``AskedStore`` in the schema ``schema`` of one server that repeats what another one does, later.

    The checkpoints travel with the rows, so what they say holds for the rows that a question finds after them. That
    is why it must be one server: behind a balancer the next question may meet one that is further behind.
    """

    def __init__(self, url: str, *, schema: str = "public", pool_max: int = 4, query_seconds: float = 30.0) -> None:
        settings = {"application_name": "twofold replica", "default_transaction_read_only": "on"}
        self._connections = Connections(url, schema, size_max=2, settings=settings)
        self._questions = Questions(url, schema=schema, timeout_seconds=query_seconds, pool_max=pool_max)

    async def open(self) -> None:
        try:
            await self._connections.open()
            await self._questions.open()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._questions.close()
        await self._connections.close()

    def know(self, tables: Sequence[Table]) -> None:
        self._questions.know(tables)

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        async with self._connections.connection() as connection:
            try:
                found = await connection.fetch(_SQL["checkpoints"], list(names))
            except asyncpg.UndefinedTableError:
                return {}  # Not even that has come through yet.
        return standing({name: Checkpoint(*at) for name, *at in found}, names)

    async def select(self, table: Table, tail: str, params: Mapping[str, object]) -> list[Any]:
        said = statements(table)
        return said.codec.rows(await self._questions.rows(f"{said.select} {tail}", params))

    async def query(self, sql: str, params: Mapping[str, object]) -> Found:
        return await self._questions.ask(sql, params)

    async def secret(self) -> bytes:
        return await secret_of(self._questions)
