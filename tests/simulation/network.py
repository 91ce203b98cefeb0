"""Between a process and a database: every call takes time, and some are refused, or done without anybody hearing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, Protocol, TypeVar

import msgspec

from twofold.errors import OutcomeUnknownError, StoreUnavailableError, TwofoldError

T = TypeVar("T")


STUMBLING_SECONDS = 0.5


class Weather(msgspec.Struct):
    """How calls fare, as shares of all; a slow one takes up to ``slow_seconds`` each way."""

    slow: float = 0.0
    slow_seconds: float = 0.5
    refused: float = 0.0
    lost: float = 0.0

    def turn(self, other: Weather) -> None:
        """From now on calls fare like this."""
        self.slow, self.refused, self.lost = other.slow, other.refused, other.lost


class Time(Protocol):
    """What a line must have of the loop of those who call."""

    @property
    def over(self) -> bool:
        """Whether nothing is to be called any more."""
        ...

    def create_future(self) -> asyncio.Future[Any]: ...

    def call_elsewhere(self, seconds: float, callback: Callable[[], object]) -> None:
        """Call it so much later, on the host of nobody."""


class Line:
    """Carries calls. What has reached the database is done there, whatever becomes of the caller."""

    def __init__(
        self,
        time: Time,
        weather: Weather,
        chance: Random,
        quick_seconds: float,
        tell: Callable[..., None] = lambda *what: None,
    ) -> None:
        self._weather, self._chance, self._quick_seconds, self._tell = weather, chance, quick_seconds, tell
        self._time = time
        self._under_way: dict[asyncio.Future[Any], str] = {}
        self._connection = 0
        self._is_cut = self._stumbles = False

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

    def stumble(self) -> None:
        """Of the next two loads that are under way together one fails at once, and the other takes its time."""
        self._stumbles = True

    async def call(self, what: str, serve: Callable[[], T], *, unknown: bool = False) -> T:
        """What ``serve`` gives, done all at once somewhere between now and then.

        Raises what it raises; ``StoreUnavailableError`` when it was not done; when it was done, but the answer was
        lost, the same or, where the port says ``unknown``, ``OutcomeUnknownError``.
        """
        if self._time.over:
            raise asyncio.CancelledError
        answer: asyncio.Future[T] = self._time.create_future()
        seconds = STUMBLING_SECONDS * self._chance.random() if self._stumbles_at(what) else self._seconds()
        self._under_way[answer] = what
        self._time.call_elsewhere(seconds, partial(self._serve, what, serve, answer, self._connection, unknown))
        try:
            return await answer
        finally:
            self._under_way.pop(answer, None)

    def _stumbles_at(self, what: str) -> bool:
        """Whether this is the call that takes its time. Then another has failed."""
        if not self._stumbles or not what.startswith("load"):
            return False
        loads = [answer for answer, other in self._under_way.items() if other.startswith("load")]
        if not loads:
            return False
        self._stumbles = False
        _give(loads[0], StoreUnavailableError("one of the connections was lost", reason="away"))
        return True

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
        self._time.call_elsewhere(self._seconds(), partial(self._answer, answer, connection, given))

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
