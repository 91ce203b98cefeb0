"""Between a process and a database: every call takes time, and some are refused, or done without anybody hearing of it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, TypeVar

import msgspec

from tests.simulation.loop import Loop
from twofold.errors import OutcomeUnknownError, StoreUnavailableError, TwofoldError

T = TypeVar("T")


class Weather(msgspec.Struct):
    """How calls fare, as shares of all; a slow one takes up to ``slow_seconds`` each way."""

    slow: float = 0.0
    slow_seconds: float = 0.5
    refused: float = 0.0
    lost: float = 0.0

    def clear(self) -> None:
        """From now on all goes well."""
        self.slow = self.refused = self.lost = 0.0


class Line:
    """Carries calls. What has reached the database is done there, whatever becomes of the caller."""

    def __init__(
        self,
        weather: Weather,
        chance: Random,
        quick_seconds: float,
        tell: Callable[..., None] = lambda *what: None,
        loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.get_running_loop,
    ) -> None:
        self._weather, self._chance, self._quick_seconds, self._tell = weather, chance, quick_seconds, tell
        self._loop = loop
        self._under_way: dict[asyncio.Future[Any], None] = {}
        self._connection = 0
        self._is_cut = False

    def cut(self) -> None:
        """Nothing goes through any more, nor what is under way, nor an answer."""
        self._connection += 1
        self._is_cut = True

    def mend(self) -> None:
        """The caller has noticed, and has connected anew: whoever waits for an answer is told that none will come."""
        self._connection += 1
        self._is_cut = False
        for answer in self._under_way:
            _give(answer, StoreUnavailableError("the connection was lost", reason="away"))
        self._under_way.clear()

    async def call(self, what: str, serve: Callable[[], T], *, unknown: bool = False) -> T:
        """What ``serve`` gives, done all at once somewhere between now and then.

        Raises what it raises; ``StoreUnavailableError`` when it was not done; when it was done, but the answer was
        lost, the same or, where the port says ``unknown``, ``OutcomeUnknownError``.
        """
        loop = self._loop()
        if isinstance(loop, Loop) and loop.over:
            raise asyncio.CancelledError
        answer: asyncio.Future[T] = loop.create_future()
        self._under_way[answer] = None
        carried = partial(self._serve, what, serve, answer, self._connection, unknown)
        loop.call_later(self._seconds(), carried, context=_elsewhere())
        try:
            return await answer
        finally:
            self._under_way.pop(answer, None)

    def _serve(
        self, what: str, serve: Callable[[], T], answer: asyncio.Future[T], connection: int, unknown: bool
    ) -> None:
        if self._is_cut or connection != self._connection:
            return
        given: Any
        fate = self._chance.random()
        if fate < self._weather.refused:
            given = StoreUnavailableError(f"{what} was refused", reason="away")
        else:
            try:
                given = serve()
            except TwofoldError as error:
                given = error
            if fate > 1 - self._weather.lost:
                told = StoreUnavailableError(f"{what} was not heard of", reason="away")
                given = OutcomeUnknownError(f"{what} was not heard of") if unknown else told
        self._tell(what, given)
        self._loop().call_later(self._seconds(), self._answer, answer, connection, given, context=_elsewhere())

    def _answer(self, answer: asyncio.Future[T], connection: int, given: Any) -> None:
        if connection == self._connection:
            _give(answer, given)

    def _seconds(self) -> float:
        slow = self._chance.random() < self._weather.slow
        return self._chance.random() * (self._weather.slow_seconds if slow else self._quick_seconds)


def _give(answer: asyncio.Future[Any], given: object) -> None:
    if answer.done():
        return
    if isinstance(given, TwofoldError):
        answer.set_exception(given)
    else:
        answer.set_result(given)


def _elsewhere() -> contextvars.Context:
    """Not on the host of whoever calls."""
    return contextvars.Context()
