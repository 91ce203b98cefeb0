"""The log in one SQLite file, or in memory for as long as it is open."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from twofold.backends.sqlite.connection import Database
from twofold.backends.sqlite.criteria import Search, Span, page
from twofold.backends.sqlite.failures import told
from twofold.backends.sqlite.judge import Flush
from twofold.backends.sqlite.migrations import Schema
from twofold.backends.sqlite.news import News
from twofold.backends.sqlite.open_rows import SqliteRows
from twofold.backends.sqlite.recent import Recent
from twofold.backends.sqlite.rows import bounded
from twofold.backends.sqlite.safety import Synchronous, refuse_moved
from twofold.backends.sqlite.transaction import transaction
from twofold.backends.sqlite.writing import run_here
from twofold.errors import StoreRefusedError
from twofold.projections import Inline
from twofold.projections.port import AppendTransaction
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.effects import halved
from twofold.store.migrations import SchemaState, load_migrations
from twofold.store.pages import load_page
from twofold.store.port import Append, Head, Page, Share, Verdict, shared

T = TypeVar("T")

_SQL = load_page("twofold.backends.sqlite", "log.sql")
_LAST_VERSION = 2**63 - 1

LOG_APPLICATION_ID = 0x54776F66
"""``Twof`` in ASCII, in the header of every log."""


class SqliteLog:
    """``EventStore`` over a file at ``path``, which is created for its owner alone, or over memory (None).

    Several processes may use one file; whoever waits longer than ``busy_seconds`` for the others is told that it is
    locked. With ``migrate=False`` an older or empty file is refused instead of upgraded. ``synchronous`` below FULL
    is refused: it loses acknowledged events in a power cut. ``vfs`` names an apsw VFS, for tests of failing disks.
    ``shared`` lets the read models' connections see a log in memory. ``database`` is for whoever keeps rows beside it.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        migrate: bool = True,
        synchronous: Synchronous = "FULL",
        busy_seconds: float = 5.0,
        vfs: str | None = None,
        shared: bool = False,
    ) -> None:
        self._synchronous = synchronous
        self._migrate = migrate
        self._schema = Schema(LOG_APPLICATION_ID, load_migrations("twofold.backends.sqlite"), "a log of Twofold")
        self.database = Database(path, synchronous=synchronous, busy_seconds=busy_seconds, vfs=vfs, shared=shared)
        self._news = News(None)
        self._data_version = 0
        self._recent: Recent | None = None
        self._inline: Inline | None = None

    def carry(self, inline: Inline) -> None:
        """Let every append take effect in strong read models from now on."""
        self._inline = inline

    async def open(self) -> None:
        """Connect and check; installs into an empty file and upgrades an older one, unless told not to."""
        if self._synchronous not in ("FULL", "EXTRA"):
            raise StoreRefusedError(
                f"synchronous={self._synchronous} loses acknowledged events in a power cut",
                reason="unsafe-synchronous",
                remedy="Leave it at FULL.",
            )
        await self.database.open(self._schema, migrate=self._migrate)
        self._news = News(self._look if self.database.path else None)
        self._news.tell((await self.head()).position)

    async def close(self) -> None:
        """Finish the appends under way, wake whoever waits, and close the file."""
        self._news.close()
        await self.database.close()

    async def current(self) -> SchemaState:
        """Which migrations the file has and which it lacks; creates and changes nothing, and needs no ``open``."""
        path = self.database.path
        if path is None or not path.exists():
            return self._schema.absent
        reader = self.database.connect_reader()
        try:
            with told(self.database.where):
                return self._schema.current(reader)
        finally:
            reader.close()

    async def upgrade(self) -> SchemaState:
        """Run the migrations that are missing, creating the file if there is none; needs no ``open``."""
        database = Database(self.database.path)
        await database.open(self._schema)
        try:
            return await database.run(self._schema.current)
        finally:
            await database.close()

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        return await (self._append(batch) if self._inline is None else halved(batch, self._append))

    async def between_appends(self, work: Callable[[AppendTransaction], Coroutine[Any, Any, T]]) -> T:
        """As ``StrongLog.between_appends``."""

        def alone(connection: apsw.Connection) -> T:
            refuse_moved(connection, self.database.where)
            with transaction(connection):
                return run_here(work(SqliteRows(connection)))

        return await self.database.run(alone)

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        def work(connection: apsw.Connection) -> Page:
            # The head comes first and bounds the rest, so that the page speaks for one moment without a transaction.
            head, _, _, largest = connection.execute(_SQL["head"]).get
            search = _search(connection, criteria, Span(after, head, category), count_max + 1)
            rows, full = bounded(connection.execute(*search), count_max, bytes_max, largest=largest)
            return shared(Page(rows, rows[-1][0] if full else max(after, head), full), share)

        return await self.database.read(work)

    async def read_stream(
        self, stream: str, *, after: int = 0, until: int | None = None, backwards: bool = False,
        count_max: int = 1000, bytes_max: int = 8 << 20,
    ) -> Page:  # fmt: skip
        sql = _SQL["stream_backwards" if backwards else "stream_forwards"]
        values = (stream, after, _LAST_VERSION if until is None else until, count_max + 1)

        def work(connection: apsw.Connection) -> Page:
            _, _, _, largest = connection.execute(_SQL["head"]).get
            rows, full = bounded(connection.execute(sql, values), count_max, bytes_max, largest=largest)
            return Page(rows, rows[-1][2] if rows else after, full)

        return await self.database.read(work)

    async def head(self) -> Head:
        position, store_id, epoch, _ = await self.database.read(_head)
        return Head(position, store_id, epoch)

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        # Asked before waiting, because another process may be ahead of what this one was told, and after it.
        self._news.tell((await self.head()).position)
        await self._news.beyond(after, timeout_seconds)
        return (await self.head()).position

    async def _append(self, batch: Sequence[Append]) -> list[Verdict]:
        verdicts, _ = await self.database.run(partial(self._flush, batch), lambda done: self._tell(done[1]))
        return verdicts

    def _flush(self, batch: Sequence[Append], connection: apsw.Connection) -> tuple[list[Verdict], int]:
        if self._recent is None and any(append.conditions for append in batch):
            self._recent = Recent()  # Only for whoever uses conditions: keeping it costs a little of every append.
        try:
            refuse_moved(connection, self.database.where)
            with transaction(connection):
                flush = Flush(connection, self._recent, batch)
                verdicts = [flush.judge(append) for append in batch]
                flush.write()
                if self._inline is not None:
                    run_here(self._inline.take_effect(SqliteRows(connection), batch, verdicts))
        except BaseException:
            self._recent = None
            if self._inline is not None:
                self._inline.undone()
            raise
        if self._inline is not None:
            self._inline.kept()
        return verdicts, flush.position

    def _tell(self, position: int) -> None:
        if self._inline is not None:
            self._inline.tell()  # First, so that nobody who hears of the append looks for rows that are there.
        self._news.tell(position)

    def _look(self) -> int | None:
        version: int = self.database.read_now(lambda reader: reader.execute("pragma data_version").get)
        if version == self._data_version:
            return None
        self._data_version = version
        return self.database.read_now(_head)[0]


def _head(connection: apsw.Connection) -> tuple[int, str, int, int]:
    found: tuple[int, str, int, int] = connection.execute(_SQL["head"]).get
    return found


def _search(connection: apsw.Connection, criteria: Criteria, span: Span, limit: int) -> Search:
    if criteria.everything and span.category is None:
        return Search(_SQL["all"], (span.after, span.until, limit))
    return page(connection, criteria, span, limit)
