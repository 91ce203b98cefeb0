"""A process that appends batches to a log: some appends to a stream of its own, some to one that all share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from twofold.config import parse_places
from twofold.rooms import rooms_for
from twofold.store.port import Append, Appended, EventStore, NewEvent

APPENDS_PER_BATCH = 3


@asynccontextmanager
async def opened_log(url: str) -> AsyncGenerator[EventStore]:
    """The log at a store's URL, open inside the block."""
    log = rooms_for(parse_places(url), migrate=True).log
    await log.open()
    try:
        yield log
    finally:
        await log.close()


def append_batches(writer: int, ready: Callable[[], object], url: str, batches: int) -> list[tuple[int, int]]:
    """Append; first and last position of every append, in the order of their acknowledgement."""
    return asyncio.run(_append_batches(writer, ready, url, batches))


async def _append_batches(writer: int, ready: Callable[[], object], url: str, batches: int) -> list[tuple[int, int]]:
    async with opened_log(url) as log:
        ready()
        return [place for batch in range(batches) for place in await _append(log, writer, batch)]


async def _append(log: EventStore, writer: int, batch: int) -> list[tuple[int, int]]:
    verdicts = await log.append([_one(writer, batch, part) for part in range(APPENDS_PER_BATCH)])
    assert all(isinstance(verdict, Appended) for verdict in verdicts), verdicts
    return [(verdict.first, verdict.last) for verdict in verdicts if isinstance(verdict, Appended)]


def _one(writer: int, batch: int, part: int) -> Append:
    """From one to three events; each says whose it is and where it belongs."""
    data = b'{"writer":%d,"batch":%d,"part":%d}' % (writer, batch, part)
    streams = (f"own-{writer}", "shared-1", f"own-{writer}")[: part + 1]
    return Append(tuple(NewEvent(stream, "Written", 1, data, b"{}", (f"writer={writer}",)) for stream in streams))
