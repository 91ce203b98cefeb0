"""Connections to one SQLite file: a writer on a thread of its own, readers beside it, and no transaction left open."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import apsw

from twofold.backends.sqlite.failures import told
from twofold.backends.sqlite.migrations import Schema
from twofold.backends.sqlite.thread import WorkThread
from twofold.errors import StoreRefusedError, StoreUnavailableError

T = TypeVar("T")
Synchronous = Literal["OFF", "NORMAL", "FULL", "EXTRA"]
_LEVELS: tuple[Synchronous, ...] = ("OFF", "NORMAL", "FULL", "EXTRA")

_WRITER_CACHE_KIB = 64 << 10
_READER_CACHE_KIB = 16 << 10
_WAL_BYTES_MAX = 64 << 20


class Database:
    """One file (``path``), or a private database in memory (None), as seen by this process.

    Everything that writes goes through ``run``: one connection on one thread, one piece of work after the other, so
    that writers inside a process queue instead of colliding. ``read`` works on a read-only connection in the
    caller's thread, because a read is CPU work. In memory there is one connection, and ``read`` is ``run``.
    ``synchronous`` below FULL loses acknowledged transactions in a power cut: only for what can be rebuilt.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        synchronous: Synchronous = "FULL",
        busy_seconds: float = 5.0,
        vfs: str | None = None,
    ) -> None:
        self.path = path
        self.where = f"The database {path}" if path else "The database in memory"
        self._synchronous: Synchronous = synchronous
        self._busy_seconds = busy_seconds
        self._vfs = vfs
        self._thread: WorkThread | None = None
        self._writer: apsw.Connection | None = None
        self._reader: apsw.Connection | None = None

    async def open(self, schema: Schema, *, migrate: bool = True) -> None:
        """Connect, check, and bring the schema up to date (or refuse, with ``migrate=False``); a second call is free.

        ``StoreRefusedError`` for a file that is foreign, from the future, damaged or cannot be made safe;
        ``StoreUnavailableError`` for one that is locked, read-only or away.
        """
        if self._thread is not None:
            return
        self._thread = WorkThread("twofold-sqlite")
        try:
            await self._on_thread(lambda: self._prepare(schema, migrate))
            self._reader = None if self.path is None else self.connect_reader()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what is queued, then give the connections back; a second call does nothing."""
        if self._thread is None:
            return
        thread, self._thread = self._thread, None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        # Closed on its own thread, behind everything that was queued before.
        await asyncio.shield(thread.run(self._close_writer))
        thread.close()

    async def run(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do the work on the writer's thread. A cancelled caller leaves it to finish there, or never to begin."""
        return await self._on_thread(lambda: self._with(self._writer, work))

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Do the work, which only reads, at once on this thread (in memory: on the writer's)."""
        return await self.run(work) if self.path is None else self.read_now(work)

    def read_now(self, work: Callable[[apsw.Connection], T]) -> T:
        """The same for callers that cannot wait. Not for a database in memory."""
        return self._with(self._reader, work)

    def connect_reader(self) -> apsw.Connection:
        """One more connection that cannot write, for the caller to close. Not for a database in memory."""
        with told(self.where):
            reader = self._connect(apsw.SQLITE_OPEN_READONLY)
            reader.execute(f"pragma cache_size = -{_READER_CACHE_KIB}")
            return reader

    def _with(self, connection: apsw.Connection | None, work: Callable[[apsw.Connection], T]) -> T:
        if connection is None:
            raise StoreUnavailableError(f"{self.where} is not open", reason="away", remedy="Open it before use.")
        with told(self.where):
            return work(connection)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            raise StoreUnavailableError(f"{self.where} is not open", reason="away", remedy="Open it before use.")
        return await self._thread.run(work)

    def _prepare(self, schema: Schema, migrate: bool) -> None:
        refuse_unsafe_library(apsw.sqlite_lib_version())
        if self.path is not None:
            _create_private(self.path)
        with told(self.where):
            self._writer = writer = self._connect(apsw.SQLITE_OPEN_READWRITE)
            schema.current(writer)  # Before the first change: a file that is not ours stays as it is.
            self._harden(writer)
            schema.upgrade(writer) if migrate else schema.refuse_pending(writer)

    def _connect(self, flags: int) -> apsw.Connection:
        connection = apsw.Connection(str(self.path or ":memory:"), flags=flags, vfs=self._vfs)
        connection.set_busy_timeout(int(self._busy_seconds * 1000))
        return connection

    def _harden(self, writer: apsw.Connection) -> None:
        writer.execute(f"""
            pragma synchronous = {self._synchronous};
            pragma cache_size = -{_WRITER_CACHE_KIB};
            pragma journal_size_limit = {_WAL_BYTES_MAX};
            pragma temp_store = memory;
            -- Without it INSERT OR REPLACE deletes the old row behind the back of the triggers.
            pragma recursive_triggers = on;
        """)
        writer.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        if self.path is not None:
            refuse_unsafe_settings(writer, self.where, self._synchronous)

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def refuse_unsafe_library(version: str) -> None:
    """``StoreRefusedError`` for an SQLite that can corrupt a WAL: all of 3.7.0 to 3.51.2 but two backports."""
    number = tuple(int(part) for part in version.split("."))
    safe = number >= (3, 51, 3) or (3, 50, 7) <= number < (3, 51) or (3, 44, 6) <= number < (3, 45)
    if not safe:
        raise StoreRefusedError(
            f"SQLite {version} can corrupt a database in WAL mode (fixed in 3.51.3)",
            reason="unsafe-library",
            remedy="Run `pip install -U apsw`: it brings an SQLite of its own.",
        )


def refuse_unsafe_settings(writer: apsw.Connection, where: str, synchronous: Synchronous) -> None:
    """Switch to WAL, and ``StoreRefusedError`` if the file cannot or if commits would be less durable than asked."""
    journal = writer.execute("pragma journal_mode = wal").get
    if journal != "wal":
        raise StoreRefusedError(
            f"{where} cannot use a write-ahead log (journal mode: {journal})",
            reason="unsafe-journal",
            remedy="Keep it on a local disk: network file systems have no shared memory.",
        )
    level = _LEVELS[writer.execute("pragma synchronous").get]
    if _LEVELS.index(level) < _LEVELS.index(synchronous):
        raise StoreRefusedError(
            f"{where} would not be durable (synchronous: {level}, needed: {synchronous})",
            reason="unsafe-synchronous",
            remedy=f"Set synchronous={synchronous}.",
        )


def _create_private(path: Path) -> None:
    """A new file belongs to its owner alone; SQLite gives its -wal and -shm the same rights."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass  # The file keeps the rights that somebody gave it.
    except OSError as error:
        raise StoreUnavailableError(
            f"The database {path} cannot be created ({error.strerror})",
            reason="full" if error.errno == 28 else "read-only" if error.errno in (1, 13, 30) else "away",
            remedy="Check that its folder exists, has room, and that this user may write there.",
        ) from error
