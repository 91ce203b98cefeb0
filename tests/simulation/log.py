"""A log that many simulated processes share, each through a door of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.simulation.network import Line
from twofold.store.port import Append, Head, Page, Verdict
from twofold.testing.memory import MemoryLog


def done(work: Any) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("It waits")


class SharedLog(MemoryLog):
    """The log itself, as it is on disk."""

    def __init__(self, store_id: str = "simulated") -> None:
        super().__init__()
        self._store_id = store_id

    @property
    def rows(self) -> Sequence[Any]:
        return self._rows


class LogDoor:
    """An ``EventStore``: the shared log at the other end of a line."""

    def __init__(self, log: SharedLog, line: Line) -> None:
        self._log, self._line = log, line

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        batch = list(batch)
        return await self._line.call("append", lambda: list(done(self._log.append(batch))), unknown=True)

    async def read(self, **wanted: Any) -> Page:
        return await self._line.call("read", lambda: done(self._log.read(**wanted)))

    async def read_stream(self, stream: str, **wanted: Any) -> Page:
        return await self._line.call("read stream", lambda: done(self._log.read_stream(stream, **wanted)))

    async def head(self) -> Head:
        return await self._line.call("head", lambda: done(self._log.head()))

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        await self._line.call("wait", lambda: None)
        await self._log.wait(after, timeout_seconds=timeout_seconds)
        return (await self.head()).position
