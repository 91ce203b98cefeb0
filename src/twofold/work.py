"""Counts what is under way, so that a stop can wait for it."""

from __future__ import annotations

import asyncio


class Work:
    """``with work:`` around each piece; ``done`` returns when none is left."""

    def __init__(self) -> None:
        self._count = 0
        self._idle: asyncio.Event | None = None

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(self, *error: object) -> None:
        self._count -= 1
        if not self._count and self._idle is not None:
            self._idle.set()

    async def done(self, timeout_seconds: float) -> bool:
        """Wait until nothing is under way, at most so long; whether that came to pass."""
        if not self._count:
            return True
        if self._idle is None or self._idle.is_set():
            self._idle = asyncio.Event()
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_seconds)
        except TimeoutError:
            return False
        return True
