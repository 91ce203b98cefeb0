"""Installing and upgrading the schema of the log: many processes may try at once, one does it, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from twofold.backends.postgres.connection import Connection, Connections, quoted
from twofold.errors import StoreRefusedError
from twofold.store.migrations import Applied, Migration, SchemaState, load_migrations, state
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.postgres", "migrations.sql")

_LONG_SECONDS = 24 * 3600.0
"""For what may take hours on a large log, where our connections' usual patience would cut it off."""


class Migrations:
    """The schema ``name`` of one database, and what we ship for it."""

    def __init__(self, connections: Connections, name: str) -> None:
        self._connections = connections
        self._name = name
        self._shipped = load_migrations("twofold.backends.postgres")

    async def current(self) -> SchemaState:
        """Where the schema stands. ``StoreRefusedError``: ``foreign``, ``future`` or ``schema-changed``."""
        async with self._connections.transaction(read_only=True) as connection:
            return await self._state(connection)

    async def upgrade(self) -> SchemaState:
        """Run what is pending, all of it or nothing, and say where the schema stands then."""
        if not (now := await self.current()).pending:
            return now
        async with self._connections.transaction() as connection:
            # From here on one process at a time; a lock of the transaction, because behind a pooler a session is nobody's.
            await connection.execute(_SQL["wait_as_long_as_it_takes"])
            await connection.execute(_SQL["lock"], self._name, timeout=_LONG_SECONDS)
            if pending := (await self._state(connection)).pending:
                await self._run(connection, pending)
            return await self._state(connection)

    async def _state(self, connection: Connection) -> SchemaState:
        relations, ours = await _row(connection, _SQL["inventory"], self._name)
        if relations and not ours:
            raise StoreRefusedError(
                f"The schema {self._name} is not a log of ours (tables: {relations})",
                reason="foreign",
                remedy="Name another schema: postgresql://…?schema=NAME.",
            )
        rows = await connection.fetch(_SQL["applied"]) if ours else []
        return state(self._shipped, [Applied(*row) for row in rows])

    async def _run(self, connection: Connection, pending: Sequence[Migration]) -> None:
        scripts = [migration.script for migration in pending]
        if pending[0].number == 1:
            scripts = [f"create schema if not exists {quoted(self._name)}", _SQL["table"], *scripts]
        await connection.execute(";\n".join(scripts), timeout=_LONG_SECONDS)
        ran = zip(*[msgspec.structs.astuple(migration.applied) for migration in pending], strict=True)
        await connection.execute(_SQL["record"], *map(list, ran))


async def _row(connection: Connection, statement: str, *values: object) -> tuple[int, bool]:
    row = await connection.fetchrow(statement, *values)
    assert row is not None, "an aggregate has one row"
    return row[0], row[1]
