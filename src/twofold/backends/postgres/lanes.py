"""Connections kept in hand for short questions: a pool's bookkeeping takes longer than a row by its key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncpg

from twofold.backends.postgres.connection import Connections
from twofold.backends.postgres.failures import FAILURES, failure


class Lanes:
    """At most ``count_max`` connections, made when needed, each for one question at a time and then for the next."""

    def __init__(self, connections: Connections, *, count_max: int) -> None:
        self._connections = connections
        self._count_max = count_max
        self._seats = asyncio.Semaphore(count_max)
        self._idle: list[asyncpg.Connection[asyncpg.Record]] = []

    async def fetch(self, text: str, values: Sequence[object]) -> list[asyncpg.Record]:
        """What a statement finds. The server's own errors pass; everything else says that the database is away."""
        losses = self._connections.losses
        async with self._seats:
            lane = await self._taken()
            try:
                if self._connections.losses != losses:
                    # What was found out before the wait, such as how far the read models have come, may be undone.
                    raise asyncpg.ConnectionDoesNotExistError("the connection was lost while a question waited for it")
                found: list[asyncpg.Record] = await lane.fetch(text, *values)
            except asyncpg.PostgresError:
                self._idle.append(lane)
                raise
            except FAILURES as error:
                lane.terminate()
                raise failure(error, self._connections.address) from error
            except BaseException:
                self._connections.drop(lane)  # Cancelled: what the server still sends must not reach the next question.
                raise
            self._idle.append(lane)
            return found

    async def close(self) -> None:
        """Wait for what is being asked, then close them all."""
        for _ in range(self._count_max):
            await self._seats.acquire()
        while self._idle:
            await self._idle.pop().close()
        self._seats = asyncio.Semaphore(self._count_max)

    async def _taken(self) -> asyncpg.Connection[asyncpg.Record]:
        while self._idle:
            lane = self._idle.pop()
            if not lane.is_closed():
                return lane
        try:
            return await self._connections.connect()
        except FAILURES as error:
            raise failure(error, self._connections.address) from error
