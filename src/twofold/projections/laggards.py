"""Strong read models that appends have left behind: questions wait for them, so that none is silently old."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import Protocol

from twofold.projections.builds import Builds
from twofold.store.port import LogReader
from twofold.subscriptions.port import Checkpoints


class Reach(Protocol):
    """Waits until questions find these subscriptions at a position or beyond; ``BehindError`` otherwise."""

    async def __call__(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None: ...


class Laggards:
    """The strong subscriptions that are behind the log, as far as this process knows; seldom any."""

    def __init__(self, log: LogReader, asked: Checkpoints, builds: Builds, *, reach: Reach) -> None:
        self._log, self._asked, self._builds, self._reach = log, asked, builds, reach
        self._left_count = 0
        self.names: set[str] = set()

    def add(self, names: Collection[str]) -> None:
        """Nobody knows yet whether these are level."""
        self.names |= set(names)

    def left(self, names: Collection[str]) -> None:
        """An append of this process did not move these: until somebody makes up for it, questions wait."""
        self.add(names)
        self._left_count += 1

    async def catch_up(self, names: AbstractSet[str], *, timeout_seconds: float) -> None:
        """Return when these hold the log as it is now; level ones are not asked about again.

        What other code has made is asked about each time: this process's appends leave it behind, those of others may not.
        """
        head = (await self._log.head()).position
        others = self._builds.waiting - self._builds.unreadable
        found = await self._asked.checkpoints(others & names)
        late = names - {name for name, at in found.items() if at.position >= head}
        await self._reach(late, head, timeout_seconds=timeout_seconds)
        await self.look()

    async def look(self) -> None:
        """See which of them are level, and need not be waited for."""
        # In this order: what stands at the head that is read after it was level, and each append has kept it so.
        asked, count = self.names - self._builds.waiting, self._left_count
        found = await self._asked.checkpoints(asked)
        head = (await self._log.head()).position
        if count == self._left_count:
            self.names -= {name for name in asked if not head or (name in found and found[name].position >= head)}
