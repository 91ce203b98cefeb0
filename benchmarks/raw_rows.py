"""The limit of a read model: the rows that it saved, saved again by the bare driver, batch by batch with a checkpoint.

The rows are caught at the door of the read store, as the driver's own values ready to bind; tables and indexes are the
product's, made by it, and so are the statements that write them. What is left between the two is what a read model
costs beyond writing: reading the log, decoding, folding, loading rows, and turning them into the driver's values.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import apsw
import asyncpg

from benchmarks import coop
from benchmarks.rooms import Room
from twofold import App
from twofold.backends.postgres.tables import statements as postgres_statements
from twofold.backends.sqlite.tables import statements as sqlite_statements
from twofold.projections.port import Advance
from twofold.projections.table import Table

Columns: TypeAlias = Sequence[Sequence[Any]]

BEGIN = """
insert into twofold_checkpoints (name, position, epoch, store_id, log_epoch, event_position, event_id)
values ('limit', 0, 0, '', 0, 0, '')
"""
MOVE = "update twofold_checkpoints set position = {place} where name = 'limit'"

SQLITE_SETTINGS = (("synchronous", "NORMAL"), ("cache_size", -65536), ("wal_autocheckpoint", 4000))
"""The product's own."""


@dataclass
class Saved:
    """What one read model saved: its table, and the columns of each batch with the position it reached."""

    table: Table | None = None
    batches: list[tuple[int, Columns]] = field(default_factory=list)

    @property
    def known(self) -> Table:
        assert self.table is not None, "Nothing was saved yet."
        return self.table

    @property
    def rows(self) -> int:
        return sum(len(columns[0]) for _, columns in self.batches)


@contextmanager
def caught(app: App, room: Room, saved: Saved) -> Generator[None]:
    """Keep what the app's one read model saves meanwhile, as its driver takes it."""
    save = app.reads.save
    said = sqlite_statements if room.backend == "sqlite" else postgres_statements

    async def catching(advances: Sequence[Advance]) -> list[bool]:
        for advance in advances:
            for changes in advance.changes:
                saved.table = changes.table
                saved.batches.append((advance.end.position, said(changes.table).codec.columns(changes.rows)))
        return await save(advances)

    setattr(app.reads, "save", catching)  # noqa: B010 - a method of this one object, which a type checker refuses
    try:
        yield
    finally:
        delattr(app.reads, "save")


Write: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


@asynccontextmanager
async def writer(room: Room, saved: Saved) -> AsyncGenerator[Write]:
    """What writes all batches, in a room where an app has installed its tables and stopped."""
    opened = _sqlite if room.backend == "sqlite" else _postgres
    async with opened(room, saved) as write:
        yield write


@asynccontextmanager
async def _sqlite(room: Room, saved: Saved) -> AsyncGenerator[Write]:
    connection = apsw.Connection(str(coop.reads_path(room)))
    for setting in SQLITE_SETTINGS:
        connection.pragma(*setting)
    connection.execute(BEGIN)
    upsert = sqlite_statements(saved.known).upsert
    ready = [(position, list(zip(*columns, strict=True))) for position, columns in saved.batches]

    async def write() -> None:
        for position, rows in ready:
            connection.execute("begin immediate")
            connection.execute(MOVE.format(place="?"), (position,))
            connection.executemany(upsert, rows)
            connection.execute("commit")

    try:
        yield write
    finally:
        connection.close()


@asynccontextmanager
async def _postgres(room: Room, saved: Saved) -> AsyncGenerator[Write]:
    settings = {"search_path": f"{room.schema}_reads", "synchronous_commit": "off", "jit": "off"}
    connection = await asyncpg.connect(room.dsn, server_settings=settings)
    await connection.execute(BEGIN)
    upsert = await connection.prepare(postgres_statements(saved.known).upsert)
    move = await connection.prepare(MOVE.format(place="$1"))

    async def write() -> None:
        for position, columns in saved.batches:
            async with connection.transaction():
                await move.fetch(position)
                await upsert.fetch(*columns)

    try:
        yield write
    finally:
        await connection.close()
