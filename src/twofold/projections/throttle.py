"""The brake of a rebuild: it goes as fast as it can, and rests while what serves is late."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

Look: TypeAlias = Callable[[], Awaitable[tuple[int, Mapping[str, int]]]]
"""Where the log ends, and the positions of the subscriptions that serve."""

Others: TypeAlias = Callable[[float], Awaitable[object]]
"""Returns when no command and no question is under way here, and after so many seconds at the latest."""

LAG_MAX_SECONDS = 0.05
"""How late what serves may be before a rebuild rests, unless told otherwise."""

OTHERS_SECONDS = 0.005
"""How long others go first before each page, however much they have to do."""

REST_SECONDS = 0.01
RESTS_MAX = 20
"""Rests in a row: however late the others are, a rebuild goes on, a page after each of these."""

ENDS_MAX = 1000
"""Ends of the log that are remembered, so that it is known when each was there: half a minute of looks, and less while all is
well."""

STILL_SECONDS = 1.0
"""Who has not moved for so long is not helped by resting: it is stopped, paused, or run by nobody."""


async def nobody_else(timeout_seconds: float) -> None:
    """A process that does nothing but build."""


class Lateness:
    """How late subscriptions are, in seconds, seen from outside: each look is at the log's end and at where they stand.

    One is late since the first look that saw an end of the log which it has not reached.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[int, float]] = deque(maxlen=ENDS_MAX)
        self._moved: dict[str, tuple[int, float]] = {}

    def seen(self, now: float, head: int, positions: Mapping[str, int]) -> float:
        """The lateness of the latest one that moves at all."""
        self._ends.append((head, now))
        while self._ends and self._ends[0][0] <= min(positions.values(), default=head):
            self._ends.popleft()
        late = [
            now - self._since(now, position) for name, position in positions.items() if self._moves(now, name, position)
        ]
        return max(late, default=0.0)

    def _since(self, now: float, position: int) -> float:
        return next((seen_at for head, seen_at in self._ends if head > position), now)

    def _moves(self, now: float, name: str, position: int) -> bool:
        stood, since = self._moved.get(name, (-1, now))
        if position != stood:
            self._moved[name] = position, now
            return True
        return now - since < STILL_SECONDS


class Throttle:
    """To be called after each page. Commands and questions that are under way in this process go first (``others_done``), and
    what is built takes the time that they leave. Then it rests while what serves is later than ``lag_max_seconds``. It looks
    twice in that time, so that looking costs little.
    """

    def __init__(
        self,
        look: Look,
        *,
        others_done: Others = nobody_else,
        lag_max_seconds: float = LAG_MAX_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._look, self._others_done, self._lag_max_seconds = look, others_done, lag_max_seconds
        self._clock, self._rest = clock, rest
        self._lateness = Lateness()
        self._looks_at = 0.0
        self._head: int | None = None
        self._grown_at = float("-inf")

    def is_busy(self) -> bool:
        """Whether the log has grown a moment ago: then there are others who write."""
        return self._clock() - self._grown_at < STILL_SECONDS

    async def __call__(self) -> None:
        await self._rest(0)
        await self._others_done(OTHERS_SECONDS)
        if self._clock() < self._looks_at:
            return
        for _ in range(RESTS_MAX):
            if not await self._is_late():
                break
            await self._rest(REST_SECONDS)
        self._looks_at = self._clock() + self._lag_max_seconds / 2

    async def _is_late(self) -> bool:
        head, positions = await self._look()
        if self._head is not None and head > self._head:
            self._grown_at = self._clock()
        self._head = head
        return self._lateness.seen(self._clock(), head, positions) > self._lag_max_seconds
