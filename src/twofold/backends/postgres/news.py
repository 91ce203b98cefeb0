"""News of the log's growth: a signal inside the process, NOTIFY between processes. Only a hint; reading is the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from twofold.backends.postgres.failures import FAILURES

if TYPE_CHECKING:
    import asyncpg

    from twofold.backends.postgres.connection import Connection

PAUSE_SECONDS = 0.02
"""A process tells the others at most once in this time, because NOTIFY takes a lock of the whole server at commit."""

RETRY_SECONDS = 1.0

POLL_SECONDS = 0.5
POLL_UNHEARD_SECONDS = 0.1
"""How often one looks for oneself, with and without a connection that listens for hints."""


class News:
    """Wakes those who wait for the log to grow.

    ``connect`` gives the connection that listens, and that also tells the others about our own appends, outside
    their transactions. While it is gone, whoever waits has only the signal of this process and what they read.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection[asyncpg.Record]]], channel: str) -> None:
        self._connect = connect
        self._channel = channel.encode()[:63].decode(errors="ignore")  # A longer name is refused.
        self._task: asyncio.Task[None] | None = None
        self._forget()

    def start(self, *, listen: bool = True) -> None:
        """Begin afresh. With ``listen``, do so from now on and again after every lost connection."""
        self._forget()
        if listen:
            self._task = asyncio.get_running_loop().create_task(self._keep_listening())

    async def stop(self) -> None:
        """Close the connection. The last word to the others is not waited for: they look for themselves."""
        task, self._task = self._task, None
        if task is not None:
            # Not cancelled: the driver cannot drop a connection cleanly while it is being made.
            self._stopped.set()
            self._to_tell.set()
            await task

    def _forget(self) -> None:
        self.position = 0
        self.listening = False
        self._news = asyncio.Event()
        self._to_tell = asyncio.Event()
        self._stopped = asyncio.Event()

    def announce(self, position: int) -> None:
        """The log of this store has grown to ``position``, and that is committed."""
        if position > self.position:
            self.position = position
            self._wake()
            self._to_tell.set()

    def next(self) -> asyncio.Event:
        """Set at the next news. Take it first, read then, and wait last: so nothing falls in between."""
        return self._news

    async def within(self, news: asyncio.Event, seconds: float) -> None:
        """Wait for the news, but not longer than until it is time to look for oneself."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, POLL_SECONDS if self.listening else POLL_UNHEARD_SECONDS)):
                await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _keep_listening(self) -> None:
        while not self._stopped.is_set():
            # Whatever is wrong with the connection, the readers will say it; here it only means: no hints for now.
            with suppress(*FAILURES):
                await self._listen()
            self.listening = False
            await self._rest(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await self._connect()
        try:
            connection.add_termination_listener(lambda _: self._to_tell.set())
            await connection.add_listener(self._channel, self._heard)
            self.listening = True
            self._wake()  # Something may have come while nobody listened.
            await self._tell_others(connection)
        finally:
            connection.terminate()

    async def _tell_others(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        while True:
            await self._to_tell.wait()
            self._to_tell.clear()
            if self._stopped.is_set():
                return
            # On a connection that was lost meanwhile this raises, which is how we learn of it.
            await connection.execute("select pg_notify($1, $2)", self._channel, str(self.position))
            await self._rest(PAUSE_SECONDS)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    def _heard(self, connection: Connection, process_id: int, _channel: str, _payload: object) -> None:
        if process_id != connection.get_server_pid():  # What this process did was signalled before.
            self._wake()
