"""Connections to one SQLite file: a writer on a thread of its own, readers beside it, and no transaction left open."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw

from twofold.backends.sqlite.failures import in_our_words, told
from twofold.backends.sqlite.migrations import Schema
from twofold.backends.sqlite.patience import Patience
from twofold.backends.sqlite.safety import (
    Synchronous,
    create_private,
    journal_mode,
    refuse_unsafe_library,
    refuse_unsafe_settings,
)
from twofold.backends.sqlite.thread import WorkThread
from twofold.errors import StoreUnavailableError

T = TypeVar("T")

KEPT = "kept"
"""How a private connection calls the database that it shows."""

_WRITER_CACHE_KIB = 64 << 10
_READER_CACHE_KIB = 16 << 10
_WAL_BYTES_MAX = 64 << 20
_WAL_PAGES = 4000
"""A checkpoint each 16 MB instead of 4: the pages of random streams are written back once and not four times."""


class Database:
    """One file (``path``), or a private database in memory (None), as seen by this process.

    Everything that writes goes through ``run``: one connection on one thread, one piece of work after the other, so
    that writers inside a process queue instead of colliding. ``read`` works on a read-only connection in the
    caller's thread, because a read is CPU work. In memory there is one connection, and ``read`` is ``run``.
    ``synchronous`` below FULL loses acknowledged transactions in a power cut: only for what can be rebuilt. One in memory
    that is ``shared`` can be attached to others of this process.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        synchronous: Synchronous = "FULL",
        busy_seconds: float = 5.0,
        vfs: str | None = None,
        shared: bool = False,
    ) -> None:
        self.path = path
        self.location = str(path or (f"file:/{uuid.uuid4()}?vfs=memdb" if shared else ":memory:"))
        self.where = f"The database {path}" if path else "The database in memory"
        self._synchronous: Synchronous = synchronous
        self._busy_seconds = busy_seconds
        self._vfs = vfs
        self._thread: WorkThread | None = None
        self._writer: apsw.Connection | None = None
        self._reader: apsw.Connection | None = None
        self._attached: str | None = None

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

    async def run(self, work: Callable[[apsw.Connection], T], afterwards: Callable[[T], None] | None = None) -> T:
        """Do the work on the writer's thread. A cancelled caller leaves it to finish there, or never to begin.

        ``afterwards`` gets the result on the event loop in either case.
        """
        return await self._on_thread(lambda: self._with(self._writer, work), afterwards)

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
            self._attach(reader)
            return reader

    def connect_private(self) -> apsw.Connection:
        """A connection to an empty database of its own, gone with it. The tables of this one are found there too, and cannot
        be written; in memory those that ``show`` has copied.
        """
        with told(self.where):
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
            private = self._configured(apsw.Connection("", flags=flags, vfs=self._vfs))
            shown = ":memory:" if self.path is None else f"{self.path.absolute().as_uri()}?mode=ro"
            private.execute(f"attach ? as {KEPT}", (shown,))
            private.execute("pragma main.synchronous = off")
            return private

    async def show(self, private: apsw.Connection) -> None:
        """Let a private connection see what is here now. A file it sees anyway, anew with each transaction."""

        def copy(connection: apsw.Connection) -> None:
            with private.backup(KEPT, connection, "main") as backup:
                backup.step()

        if self.path is None:
            await self.run(copy)

    async def attach(self, other: Database) -> None:
        """Let every connection that reads find the tables of ``other`` too, which is open and stays so."""
        if self._attached is None:
            self._attached = other.location
            await self.read(self._attach)

    def _attach(self, connection: apsw.Connection) -> None:
        if self._attached is not None:
            connection.execute("attach ? as beside", (self._attached,))

    def _with(self, connection: apsw.Connection | None, work: Callable[[apsw.Connection], T]) -> T:
        if connection is None:
            raise self._closed
        try:  # Not ``told``: entering it would take a third of the time of reading a row.
            return work(connection)
        except apsw.Error as error:
            raise in_our_words(error, self.where) from error

    async def _on_thread(self, work: Callable[[], T], afterwards: Callable[[T], None] | None = None) -> T:
        if self._thread is None:
            raise self._closed
        return await self._thread.run(work, afterwards)

    @property
    def _closed(self) -> StoreUnavailableError:
        return StoreUnavailableError(f"{self.where} is not open", reason="away", remedy="Open it before use.")

    def _prepare(self, schema: Schema, migrate: bool) -> None:
        refuse_unsafe_library(apsw.sqlite_lib_version())
        if self.path is not None and migrate:
            create_private(self.path)
        with told(self.where):
            self._writer = writer = self._connect(apsw.SQLITE_OPEN_READWRITE)
            # Before the first change: a file that is not ours stays as it is.
            schema.current(writer) if migrate else schema.refuse_pending(writer)
            self._harden(writer)
            schema.upgrade(writer)

    def _connect(self, flags: int) -> apsw.Connection:
        flags |= 0 if self.path else apsw.SQLITE_OPEN_URI  # Names in memory are URIs; a file's name is just that.
        return self._configured(apsw.Connection(self.location, flags=flags, vfs=self._vfs))

    def _configured(self, connection: apsw.Connection) -> apsw.Connection:
        connection.set_busy_handler(Patience(self._busy_seconds))
        # Without this a quoted name that is no column's is taken for a text, and a question answers nonsense.
        for setting in (apsw.SQLITE_DBCONFIG_DQS_DML, apsw.SQLITE_DBCONFIG_DQS_DDL):
            connection.config(setting, 0)
        return connection

    def _harden(self, writer: apsw.Connection) -> None:
        script = f"""
            pragma synchronous = {self._synchronous};
            pragma cache_size = -{_WRITER_CACHE_KIB};
            pragma journal_size_limit = {_WAL_BYTES_MAX};
            pragma wal_autocheckpoint = {_WAL_PAGES};
            pragma temp_store = memory;
            -- Without it INSERT OR REPLACE deletes the old row behind the back of the triggers.
            pragma recursive_triggers = on;
        """
        writer.execute(script).fetchall()  # Some answer with a row, and apsw stops at each row until it is fetched.
        writer.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        if self.path is not None:
            journal = journal_mode(writer, Patience(self._busy_seconds))
            refuse_unsafe_settings(writer, self.where, journal, self._synchronous)

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
