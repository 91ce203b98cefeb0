"""The limit: the rows that the product wrote, written again by the bare driver into tables of the product's own migrations.

Nothing here can drift: the tables come from the migrations and the rows from the product's run in the same turn. The
driver has them ready to bind and writes each batch as fast as its database allows: one statement and one round trip
on PostgreSQL, one ``executemany`` per table and one commit on SQLite.
"""

# ruff: noqa: S608 - the names in these statements are our own

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from benchmarks.drivers import PLACES, Batch, Driver, Prepared, Rows, driver
from benchmarks.harness import Side, Sides
from benchmarks.rooms import Room


@dataclass
class Written:
    """What one run of the product left in its tables: each in order of position. Filled by ``read``, then replayed."""

    rows: dict[str, Rows]
    positions: dict[str, list[int]]
    batch_size: int
    measured_after: int = 0

    @classmethod
    def nothing(cls, *, batch_size: int = 1) -> Written:
        """Nothing yet. ``batch_size`` is how many events a transaction of the product held, on average."""
        return cls({}, {}, batch_size)

    async def read(self, room: Room, *, measured_after: int) -> None:
        """Copy a room's tables; what stands up to ``measured_after`` was preparation."""
        async with driver(room) as raw:
            for table, column in PLACES.items():
                self.rows[table] = rows = await raw.read(f"select * from {raw.prefix}{table} order by {column}")
                self.positions[table] = [row[raw.columns[table].index(column)] for row in rows]
        self.measured_after = measured_after

    def batch(self, after: int, until: int) -> Batch:
        """The rows of the positions in ``(after, until]``."""
        return {
            table: self.rows[table][bisect_right(places, after) : bisect_right(places, until)]
            for table, places in self.positions.items()
        }

    def preparation(self) -> Batch:
        return self.batch(0, self.measured_after)

    def measured(self, events: int) -> list[Batch]:
        """The measured part in batches of so many events; what does not fill one is left out."""
        head = self.positions["events"][-1]
        starts = range(self.measured_after, head - events + 1, events)
        return [self.batch(start, start + events) for start in starts]


def throughput(written: Written) -> Side:
    """Events per second, in transactions of the product's own size."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with driver(room, install=True) as raw:
            ready = await _ready(raw, written, written.batch_size)

            async def measure() -> float:
                began = perf_counter()
                for batch in ready:
                    await raw.write(batch)
                return len(ready) * written.batch_size / (perf_counter() - began)

            yield measure

    return side


def latency(written: Written, *, tables: frozenset[str] = frozenset(PLACES)) -> Side:
    """The median time of one transaction with one event, in microseconds."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with driver(room, install=True) as raw:
            ready = await _ready(raw, written, 1, tables)

            async def measure() -> float:
                times: list[float] = []
                for batch in ready:
                    began = perf_counter()
                    await raw.write(batch)
                    times.append(perf_counter() - began)
                return median(times) * 1e6

            yield measure

    return side


async def timed_select(raw: Driver, stream: str, decode: Callable[[bytes], object]) -> float:
    """Seconds to select what a load needs of one stream, and to decode it."""
    began = perf_counter()
    rows = await raw.read(
        f"select version, type, data from {raw.prefix}events where stream = {raw.place} order by version", stream
    )
    for _, _, data in rows:
        decode(data)
    return perf_counter() - began


async def timed_pages(raw: Driver, rows_max: int, decoders: Mapping[str, Callable[[bytes], object]]) -> float:
    """Events per second over the whole log, all columns, in pages, each decoded into its type."""
    columns = "position, stream, version, type, schema, data, metadata"
    page = f"select {columns} from {raw.prefix}events where position > {raw.place} order by position limit {rows_max}"
    after = 0
    began = perf_counter()
    while rows := await raw.read(page, after):
        for row in rows:
            decoders[row[3]](row[5])
        after = rows[-1][0]
    return after / (perf_counter() - began)


async def settle(room: Room) -> None:
    """After filling a room in one go: what autovacuum would have done in time."""
    async with driver(room) as raw:
        await raw.settle()


async def fill(room: Room, written: Written) -> None:
    """Write everything that the product wrote (in thousands; what is left over is left out), for a side that only reads."""
    async with driver(room, install=True) as raw:
        for batch in written.measured(1000):
            await raw.write(await raw.prepare(batch))


async def _ready(
    raw: Driver, written: Written, events: int, tables: frozenset[str] = frozenset(PLACES)
) -> list[Prepared]:
    await raw.write(await raw.prepare(written.preparation()))
    batches = written.measured(events)
    return [await raw.prepare({table: rows for table, rows in batch.items() if table in tables}) for batch in batches]
