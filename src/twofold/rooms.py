"""Which backend a URL means: the log, the read models and the snapshots, opened and closed together."""

from __future__ import annotations

from typing import Protocol

import msgspec

from twofold.config import PostgresURL, SqliteURL
from twofold.errors import StoreRefusedError
from twofold.projections import ReadStore
from twofold.store.port import EventStore, SnapshotStore


class Room(Protocol):
    """What is opened and closed."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class Rooms(msgspec.Struct):
    """One database's implementation of the ports.

    ``is_server`` says that it works in processes of its own; ``opened_too`` is what has connections besides those two.
    """

    log: EventStore
    reads: ReadStore
    snapshots: SnapshotStore
    is_server: bool
    opened_too: Room | None = None

    async def open(self) -> None:
        await self.log.open()
        await self.reads.open()
        if self.opened_too is not None:
            await self.opened_too.open()

    async def close(self) -> None:
        """The read side first: what it keeps, it keeps about the log."""
        try:
            await self.reads.close()
            if self.opened_too is not None:
                await self.opened_too.close()
        finally:
            await self.log.close()


def rooms_for(url: SqliteURL | PostgresURL, *, migrate: bool) -> Rooms:
    """The rooms of that database, not yet opened. Drivers are imported here, so that nobody needs the other one's."""
    return _sqlite(url, migrate=migrate) if isinstance(url, SqliteURL) else _postgres(url, migrate=migrate)


def _sqlite(url: SqliteURL, *, migrate: bool) -> Rooms:
    from twofold.backends.sqlite.log import SqliteLog
    from twofold.backends.sqlite.reads import SqliteReads
    from twofold.backends.sqlite.snapshots import SqliteSnapshots

    reads = SqliteReads(url.reads_path)
    return Rooms(SqliteLog(url.path, migrate=migrate), reads, SqliteSnapshots(reads.database), is_server=False)


def _postgres(url: PostgresURL, *, migrate: bool) -> Rooms:
    try:
        from twofold.backends.postgres.log import PostgresLog
        from twofold.backends.postgres.reads import PostgresReads
        from twofold.backends.postgres.snapshots import PostgresSnapshots
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise StoreRefusedError(
            "PostgreSQL needs the driver asyncpg, which is not installed",
            reason="no-driver",
            remedy='Install it: pip install "twofold[postgres]".',
        ) from error
    log = PostgresLog(url.dsn, schema=url.schema, migrate=migrate)
    snapshots = PostgresSnapshots(url.dsn, schema=url.schema)
    return Rooms(log, PostgresReads(url.dsn, schema=url.read_schema), snapshots, is_server=True, opened_too=snapshots)
