"""Snapshots of folded states in the file of the read models, which may be lost and never needs an fsync."""

from __future__ import annotations

import apsw

from twofold.backends.sqlite.connection import Database
from twofold.backends.sqlite.transaction import transaction
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.sqlite", "snapshots.sql")


class SqliteSnapshots:
    """``SnapshotStore`` in a database that somebody else opens and closes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._created = False

    async def load_snapshot(self, stream: str, code: str) -> tuple[int, bytes] | None:
        await self._create()

        def load(connection: apsw.Connection) -> tuple[int, bytes] | None:
            found: tuple[int, bytes] | None = connection.execute(_SQL["load"], (stream, code)).fetchone()
            return found

        return await self._database.read(load)

    async def save_snapshot(self, stream: str, code: str, version: int, state: bytes) -> None:
        await self._create()

        def save(connection: apsw.Connection) -> None:
            with transaction(connection):
                connection.execute(_SQL["save"], (stream, code, version, state))
                connection.execute(_SQL["forget_older"], (stream, code, version))

        await self._database.run(save)

    async def _create(self) -> None:
        if not self._created:
            await self._database.run(lambda connection: connection.execute(_SQL["create"]).close())
            self._created = True
