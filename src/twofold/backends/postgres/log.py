"""The log in PostgreSQL: appends in one round trip each, pages from indexes, and news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from twofold.backends.postgres.batch import Run, alone, arguments_of, arguments_of_one, joined, literals, verdict_of_one
from twofold.backends.postgres.connection import Connection, Connections
from twofold.backends.postgres.failures import append_failure, nothing_written
from twofold.backends.postgres.migrations import Migrations
from twofold.backends.postgres.news import News
from twofold.backends.postgres.open_rows import PostgresRows
from twofold.backends.postgres.reading import Reading
from twofold.backends.postgres.safety import refuse_unsafe
from twofold.projections import Inline
from twofold.projections.port import AppendTransaction
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.effects import halved
from twofold.store.flush import independent_runs
from twofold.store.migrations import SchemaState, refuse_pending
from twofold.store.pages import load_page
from twofold.store.port import Append, Appended, Head, Page, Share, Verdict, shared

T = TypeVar("T")

_APPEND = load_page("twofold.backends.postgres", "append.sql")
_READ = load_page("twofold.backends.postgres", "read.sql")

APPENDING_MAX = 2
"""Connections that append. Appends follow each other anyway; a second one prepares while the first commits."""

_LAST_VERSION = 2**63 - 1

_INDEXES_ONLY = {
    # Every statement of the log is written for one index. Tables grow from nothing while plans are kept, and a plan
    # that was right for ten rows must not be there for ten million; nor may it follow a guess about a single value.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "max_parallel_workers_per_gather": "0",
}


class PostgresLog:
    """An ``EventStore`` in the schema ``schema`` of the database at ``url``, read over at most ``pool_max`` connections.

    One more connection listens for other processes' appends, and at most two append. Whoever waits longer than
    ``busy_seconds`` for the others is told that the log is locked. With ``migrate=False`` an older or empty schema is
    refused instead of upgraded. ``read_schema`` is where strong read models are, if there are any.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str = "twofold",
        pool_max: int = 8,
        busy_seconds: float = 5.0,
        migrate: bool = True,
        read_schema: str | None = None,
    ) -> None:
        settings = {**_INDEXES_ONLY, "lock_timeout": f"{busy_seconds * 1000:.0f}"}
        appends = {**settings, "application_name": f"twofold append {schema}"[:63]}
        reads = {**settings, "application_name": f"twofold read {schema}"[:63]}
        schemas = (schema,) if read_schema is None else (schema, read_schema)
        self._appends = Connections(url, *schemas, size_max=APPENDING_MAX, settings=appends)
        self._reads = Connections(url, schema, size_max=pool_max, settings=reads)
        self._reading = Reading(self._reads)
        self._migrations = Migrations(self._reads, schema)
        self._migrate = migrate
        listens = Connections(url, schema, settings={"application_name": f"twofold listen {schema}"[:63]})
        self._news = News(listens.connect, f"twofold {schema}")
        self._inline: Inline | None = None
        self._one_flush = asyncio.Lock()

    def __repr__(self) -> str:
        return f"PostgresLog({self._reads.address})"

    async def open(self) -> None:
        try:
            await self._reads.open()
            await self._appends.open(at_once=False)  # Who only reads needs none.
            async with self._reads.connection() as connection:
                await refuse_unsafe(connection, self._reads.address)
            await self._settle_schema()
        except BaseException:
            await self.close()
            raise
        # Behind a transaction pooler, what listens would listen for somebody else.
        self._news.start(listen=not self._appends.address.through_pooler)

    async def close(self) -> None:
        await self._news.stop()
        await self._appends.close()
        await self._reads.close()

    async def current(self) -> SchemaState:
        """Which migrations the schema has and which it lacks, without opening the log or changing anything."""
        async with self._reads.opened():
            return await self._migrations.current()

    async def upgrade(self) -> SchemaState:
        """Run the migrations that are missing, creating the schema if it does not exist."""
        async with self._reads.opened():
            return await self._migrations.upgrade()

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        if not batch:
            return []
        if self._inline is None:
            async with self._appends.connection(translated=append_failure) as connection:
                verdicts = await _judged(connection, batch)
        else:
            async with self._one_flush:
                verdicts = await halved(batch, partial(self._append_with, self._inline))
        self._news.announce(max([verdict.last for verdict in verdicts if isinstance(verdict, Appended)], default=0))
        return verdicts

    def carry(self, inline: Inline) -> None:
        """Let every append take effect in strong read models from now on."""
        self._inline = inline

    async def between_appends(self, work: Callable[[AppendTransaction], Coroutine[Any, Any, T]]) -> T:
        """As ``StrongLog.between_appends``: it takes the head first, as appends do."""
        async with self._appends.transaction(translated=append_failure) as connection:
            with nothing_written(self._appends.address):
                await connection.execute(_APPEND["take_head"])
                await connection.execute(_APPEND["wait_shortly"])
                return await work(PostgresRows(connection))

    async def _append_with(self, inline: Inline, batch: Sequence[Append]) -> list[Verdict]:
        try:
            async with self._appends.transaction(translated=append_failure) as connection:
                with nothing_written(self._appends.address):
                    verdicts = await _judged(connection, batch)
                    await inline.take_effect(PostgresRows(connection), batch, verdicts)
        except BaseException:
            inline.undone()
            inline.tell()
            raise
        inline.kept()
        inline.tell()
        return verdicts

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        name, values = _selection(criteria, category, share)
        rows, full, head = await self._reading.page(name, after, *values, count_max=count_max, bytes_max=bytes_max)
        return shared(Page(rows, rows[-1][0] if full else max(after, head), full), share)

    async def read_stream(
        self, stream: str, *, after: int = 0, until: int | None = None, backwards: bool = False,
        count_max: int = 1000, bytes_max: int = 8 << 20,
    ) -> Page:  # fmt: skip
        name = "stream_backwards" if backwards else "stream"
        values = (stream, _LAST_VERSION if until is None else until)
        rows, full, _ = await self._reading.page(name, after, *values, count_max=count_max, bytes_max=bytes_max)
        return Page(rows, rows[-1][2] if rows else after, full)

    async def head(self) -> Head:
        async with self._reads.connection() as connection:
            row = await connection.fetchrow(_READ["head"])
        assert row is not None, "the head has one row"
        return Head(*row)

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_seconds
        while True:
            news = self._news.next()  # Before looking: what comes after the look sets it.
            position = await self._position(after)
            left = deadline - clock()
            if position > after or left <= 0:
                return position
            await self._news.within(news, left)

    async def _position(self, after: int) -> int:
        if self._news.position > after:
            return self._news.position
        async with self._reads.connection() as connection:
            position: int = await connection.fetchval(_READ["position"])
        return position

    async def _settle_schema(self) -> None:
        if self._migrate:
            await self._migrations.upgrade()
        else:
            refuse_pending(await self._migrations.current(), str(self._reads.address))


async def _judged(connection: Connection, batch: Sequence[Append]) -> list[Verdict]:
    if len(batch) == 1 and alone(batch[0]):
        verdicts = [await _append_one(connection, batch[0])]
    else:
        verdicts = await _append_runs(connection, batch)
    return [await _recalled(connection, verdict) for verdict in verdicts]


async def _append_one(connection: Connection, append: Append) -> Verdict:
    answer = await connection.fetchval(_APPEND["append_one"], *arguments_of_one(append))
    return verdict_of_one(append, answer)


async def _append_runs(connection: Connection, batch: Sequence[Append]) -> list[Verdict]:
    runs = [Run([batch[index] for index in indexes]) for indexes in independent_runs(batch)]
    bytes_max = max([run.bytes_max for run in runs], default=0)
    if len(runs) == 1:
        answers = await connection.fetch(_APPEND["append_run"], bytes_max, *runs[0].arguments())
    else:
        ends, *columns = joined(runs)
        answers = await connection.fetch(_APPEND["append_runs"], ends, bytes_max, *arguments_of(columns))
    return [verdict for run, answer in zip(runs, answers, strict=True) for verdict in run.verdicts(answer)]


async def _recalled(connection: Connection, verdict: Verdict) -> Verdict:
    if not isinstance(verdict, Appended) or not verdict.replayed:
        return verdict
    rows = await connection.fetch(_APPEND["versions"], verdict.first, verdict.last)
    return msgspec.structs.replace(verdict, versions={row[0]: row[1] for row in rows})


def _selection(criteria: Criteria, category: str | None, share: Share | None) -> tuple[str, tuple[object, ...]]:
    """The statement that serves the criteria, and its own arguments."""
    if not criteria.everything:
        types, tags = zip(*map(literals, criteria.items), strict=True) if criteria.items else ((), ())
        return "criteria", (category, types, tags)
    if category is not None:
        return "category", (category,)
    return ("log", ()) if share is None else ("share", (share.place, share.count))
