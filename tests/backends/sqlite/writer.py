"""A process that appends: ``python -m tests.backends.sqlite.writer PATH NAME BATCHES``. Prints its last position."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from twofold.backends.sqlite.log import SqliteLog
from twofold.store.port import Append, Appended, NewEvent


async def write(path: Path, name: str, batches: int) -> int:
    """Append batches of three appends of two events each, to a stream of its own and to one that all share."""
    log = SqliteLog(path, busy_seconds=60)
    await log.open()
    last = 0
    for number in range(batches):
        for verdict in await log.append([_append(name, f"{number}.{part}") for part in range(3)]):
            assert isinstance(verdict, Appended)
            last = verdict.last
    await log.close()
    return last


def _append(name: str, key: str) -> Append:
    own, shared = (NewEvent(stream, "Written", 1, b"{}", b"{}") for stream in (f"own-{name}", "shared-1"))
    return Append((own, shared), key=f"{name}.{key}")


if __name__ == "__main__":
    print(asyncio.run(write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))  # noqa: T201 - for the test that runs it
