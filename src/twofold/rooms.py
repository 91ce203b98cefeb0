"""Which backend each place means: the log, the read models and the snapshots, opened and closed together."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Protocol, TypeAlias

import msgspec

from twofold.config import Places, PostgresURL, SqliteURL
from twofold.errors import StoreRefusedError
from twofold.projections import AskedStore, Inline, ReadStore
from twofold.projections.port import StrongLog
from twofold.store.port import SnapshotStore
from twofold.subscriptions import Leases


class Room(Protocol):
    """What is opened and closed."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class InlineLog(StrongLog, Protocol):
    """A log whose appends can take effect in strong read models."""

    def carry(self, inline: Inline) -> None:
        """Let every append take effect in these from now on."""
        ...


class LeasedReads(ReadStore, Protocol):
    """A database of read models where those who run them find each other."""

    @property
    def leases(self) -> Leases: ...


class Rooms(msgspec.Struct):
    """The implementations of the ports, over one database or several.

    ``reads`` is where read models are written, ``asked`` where questions go: the same, or a replica of it.
    ``leases`` are kept beside the read models. ``is_server`` says that the log works in processes of its own; ``opened_too`` is what has connections besides.
    """

    log: InlineLog
    reads: ReadStore
    asked: AskedStore
    snapshots: SnapshotStore
    leases: Leases
    is_server: bool
    opened_too: Sequence[Room] = ()

    async def open(self) -> None:
        for room in self._all:
            await room.open()

    async def close(self) -> None:
        """In the opposite order: what the others keep, they keep about the log."""
        async with AsyncExitStack() as closing:
            for room in self._all:
                closing.push_async_callback(room.close)

    @property
    def _all(self) -> Sequence[Room]:
        return self.log, self.reads, *self.opened_too


def rooms_for(places: Places, *, migrate: bool, query_seconds: float = 30.0, strong: bool = False) -> Rooms:
    """The rooms at those places, not yet opened. Drivers are imported here, so that nobody needs the other one's.

    With ``strong`` the log's transactions reach the read models; ``StoreRefusedError`` where those are elsewhere.
    """
    if strong:
        _refuse_apart(places)
    reads = _reads(places.reads, query_seconds)
    replicas = [] if places.replica is None else [_replica(places.replica, query_seconds)]
    if isinstance(places.log, SqliteURL):
        log, snapshots, kept_in = _over_sqlite(places.log, reads, migrate=migrate, strong=strong)
    else:
        strong_at = places.reads if strong and isinstance(places.reads, PostgresURL) else None
        log, snapshots, kept_in = _over_postgres(places.log, strong_at, migrate=migrate)
    return Rooms(
        log,
        reads,
        asked=replicas[0] if replicas else reads,
        snapshots=snapshots,
        leases=reads.leases,
        is_server=isinstance(places.log, PostgresURL),
        opened_too=[*kept_in, *replicas],
    )


Log: TypeAlias = tuple[InlineLog, SnapshotStore, Sequence[Room]]
"""A log, its snapshots, and what these have opened besides the log and the read models."""


def _over_sqlite(url: SqliteURL, reads: ReadStore, *, migrate: bool, strong: bool) -> Log:
    from twofold.backends.sqlite.log import SqliteLog
    from twofold.backends.sqlite.reads import SqliteReads
    from twofold.backends.sqlite.snapshots import SqliteSnapshots

    log = SqliteLog(url.path, migrate=migrate, shared=strong)
    if isinstance(reads, SqliteReads) and reads.database.path == url.reads_path:
        if strong:
            reads.keep_strong_in(log.database)
        return log, SqliteSnapshots(reads.database), ()
    # Snapshots belong to the log: wherever the read models are, they stay in the file that may be lost beside it.
    beside = SqliteReads(url.reads_path)
    return log, SqliteSnapshots(beside.database), (beside,)


def _over_postgres(url: PostgresURL, strong_at: PostgresURL | None, *, migrate: bool) -> Log:
    with _driver():
        from twofold.backends.postgres.log import PostgresLog
        from twofold.backends.postgres.snapshots import PostgresSnapshots

    snapshots = PostgresSnapshots(url.dsn, schema=url.schema)
    read_schema = strong_at.read_schema if strong_at else None
    return PostgresLog(url.dsn, schema=url.schema, migrate=migrate, read_schema=read_schema), snapshots, (snapshots,)


def _refuse_apart(places: Places) -> None:
    """``StoreRefusedError`` where the read models are not in the log's database: one transaction cannot hold both."""
    log, reads = places.log, places.reads
    if isinstance(log, SqliteURL):
        together = reads == SqliteURL(log.reads_path)
    else:
        together = isinstance(reads, PostgresURL) and reads.dsn == log.dsn
    if not together:
        raise StoreRefusedError(
            f"A strong read model cannot be in another database than the log (log: {log}, read models: {reads})",
            reason="strong-apart",
            remedy="Leave out reads=, or mark the read model no longer with @strong.",
        )


def _reads(url: SqliteURL | PostgresURL, query_seconds: float) -> LeasedReads:
    if isinstance(url, SqliteURL):
        from twofold.backends.sqlite.reads import SqliteReads

        return SqliteReads(url.path, query_seconds=query_seconds)
    with _driver():
        from twofold.backends.postgres.reads import PostgresReads

    return PostgresReads(url.dsn, schema=url.read_schema, query_seconds=query_seconds)


def _replica(url: PostgresURL, query_seconds: float) -> AskedStore:
    with _driver():
        from twofold.backends.postgres.replica import PostgresReplica

    return PostgresReplica(url.dsn, schema=url.read_schema, query_seconds=query_seconds)


@contextmanager
def _driver() -> Generator[None]:
    """``StoreRefusedError`` where what is imported inside needs a driver that is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise StoreRefusedError(
            "PostgreSQL needs the driver asyncpg, which is not installed",
            reason="no-driver",
            remedy='Install it: pip install "twofold[postgres]".',
        ) from error
