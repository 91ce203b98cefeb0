"""Snapshots in the log's schema, written without waiting for the disk: losing one costs time, never truth."""

from __future__ import annotations

from twofold.backends.postgres.connection import Connections
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.postgres", "snapshots.sql")


class PostgresSnapshots:
    """A ``SnapshotStore`` beside the log that has installed the schema ``schema``."""

    def __init__(self, url: str, *, schema: str = "twofold", pool_max: int = 2) -> None:
        settings = {"synchronous_commit": "off", "application_name": "twofold snapshots"}
        self._connections = Connections(url, schema, size_max=pool_max, settings=settings)

    async def open(self) -> None:
        """Begin. The log must have been opened before, because the table is part of its schema, and has connected to the same
        database: what is wrong there has shown. Here a connection is made when there is a snapshot to load or to save."""
        await self._connections.open(at_once=False)

    async def close(self) -> None:
        """Give the connections back."""
        await self._connections.close()

    async def load_snapshot(self, stream: str, code: str) -> tuple[int, bytes] | None:
        async with self._connections.connection() as connection:
            row = await connection.fetchrow(_SQL["load"], stream, code)
        return None if row is None else (row["version"], row["state"])

    async def save_snapshot(self, stream: str, code: str, version: int, state: bytes) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(_SQL["save"], stream, code, version, state)
