"""Which tables' rows have changed in this process, and who waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Collection


class TableChanges:
    """Counts what it is told. ``count`` is a moment: whoever remembers it can ask later what has changed since."""

    def __init__(self) -> None:
        self.count = 0
        self.closed = False
        self._last: dict[str, int] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self, tables: Collection[str]) -> None:
        """Rows of these have changed: it is committed, and nobody who waits for it has been woken yet."""
        if tables:
            self.count += 1
            self._last.update(dict.fromkeys(tables, self.count))
            self._wake()

    def since(self, count: int, tables: Collection[str]) -> bool:
        """Whether rows of any of these have changed after that moment."""
        if count == self.count:
            return False
        last = self._last
        return any(last.get(table, 0) > count for table in tables)

    async def after(self, count: int, tables: Collection[str], *, timeout_seconds: float) -> None:
        """Return when rows of any of these have changed after that moment, at the latest when the time is over."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while not self.closed and not self.since(count, tables):
                    await self._next()
        except TimeoutError:
            pass  # Late is an answer here: whoever waits looks again.

    async def ended(self) -> None:
        """Return when there will be no more changes."""
        while not self.closed:
            await self._next()

    async def _next(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)

    def close(self) -> None:
        """Let nobody wait any longer: there will be no more changes."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
