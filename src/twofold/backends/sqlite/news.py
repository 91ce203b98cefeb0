"""Waiting for the head to move: told at once by this process, and found out by looking when it was another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from twofold.errors import StoreError

_LOOK_SECONDS = 0.025


class News:
    """The head, as far as this process knows. ``look`` gives the committed head if it may have moved, else None.

    It is called every 25 ms while somebody waits, and never otherwise.
    """

    def __init__(self, look: Callable[[], int | None] | None) -> None:
        self._look = look
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False
        self.position = 0

    def tell(self, position: int) -> None:
        """The head is at least here."""
        if position > self.position:
            self.position = position
            self._wake()

    async def beyond(self, after: int, timeout_seconds: float) -> None:
        """Return when the head is beyond ``after``, or when the time is over; ``StoreError`` if looking fails."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while self.position <= after and not self._closed:
                    await self._next()
        except TimeoutError:
            pass  # Late is an answer here: whoever waits looks at the position.

    def close(self) -> None:
        """Stop looking, and let nobody wait for what cannot come."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    async def _next(self) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        self._look_later()
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)

    def _look_later(self) -> None:
        if self._timer is None and self._look is not None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_now)

    def _look_now(self) -> None:
        self._timer = None
        if not self._waiting or self._look is None:
            return
        try:
            position = self._look()
        except StoreError as error:
            self._fail(error)
        else:
            self.tell(position or 0)
            self._look_later()

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def _fail(self, error: StoreError) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(error)
