"""A bounded pool over the driver's own, which hands on a connection that came back well without any ceremony."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

from twofold.backends.postgres.failures import FAILURES
from twofold.errors import StoreUnavailableError

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

PoolConnection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0
"""How long the driver may take for the last goodbyes: it waits for ever for a connection whose return was cancelled with the loop."""


class Pool:
    """At most ``size_max`` connections, each made when it is needed and kept as long as it is well.

    The driver's pool makes them, and mends or drops those that come back from a failure or a cancellation. Going
    through it each time would cost a task and two turns of the loop, a quarter of a small append.
    """

    def __init__(self, size_max: int, options: Mapping[str, Any]) -> None:
        self._size_max = size_max
        self._free = asyncio.Semaphore(size_max)
        self._idle: list[PoolConnection] = []
        # Its reset would be another round trip, and nobody here changes a session.
        self._driver = asyncpg.create_pool(
            min_size=0, max_size=size_max, max_queries=10**9, reset=_leave_as_it_is, timeout=CONNECT_SECONDS, **options
        )

    async def open(self) -> None:
        """Begin, without connecting yet."""
        await self._driver

    async def close(self) -> None:
        """Wait until every connection has been given back, then close them all."""
        for _ in range(self._size_max):
            await self._free.acquire()
        for connection in self._idle:
            await self._leave_to_driver(connection)
        with suppress(TimeoutError):  # Then the driver has cut off what was left.
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._driver.close()

    async def lend(self) -> PoolConnection:
        """A connection that is to be taken back. The driver's errors pass; ``StoreUnavailableError`` if none is free."""
        await (self._wait_for_place() if self._free.locked() else self._free.acquire())
        try:
            while self._idle:
                if _is_well(connection := self._idle.pop()):
                    return connection
                await self._leave_to_driver(connection)
            return await self._driver.acquire(timeout=CONNECT_SECONDS)
        except BaseException:
            self._free.release()
            raise

    async def take_back(self, connection: PoolConnection, *, well: bool) -> None:
        """``well`` says that nothing failed and nobody was cancelled while it was lent."""
        try:
            if well and _is_well(connection):
                self._idle.append(connection)
            else:
                await self._leave_to_driver(connection)
        finally:
            self._free.release()

    async def _wait_for_place(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._free.acquire()
        except TimeoutError as error:
            raise StoreUnavailableError(
                f"All {self._size_max} connections are in use", reason="busy", remedy="Try again, or raise pool_max."
            ) from error

    async def _leave_to_driver(self, connection: PoolConnection) -> None:
        # What cannot be given back was broken: the driver has dropped it, and what broke it has been raised.
        with suppress(*FAILURES):
            await self._driver.release(connection)


def _is_well(connection: PoolConnection) -> bool:
    with suppress(asyncpg.InterfaceError):  # Raised by one that broke while it was idle.
        return not connection.is_closed() and not connection.is_in_transaction()
    return False


async def _leave_as_it_is(_: object) -> None: ...
