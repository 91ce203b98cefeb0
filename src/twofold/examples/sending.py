"""Sends many commands to an app: those of one lane one after the other, those of different lanes at once."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import TypeVar

import msgspec
from msgspec import Struct

from twofold import App, Command, Receipt, Rejected
from twofold.errors import InvalidInputError, KeyReusedError
from twofold.messages import name_of

AT_ONCE_MAX = 64
"""Commands under way at a time. Their appends share commits, so that more of them cost little more."""

Refusal = Rejected | InvalidInputError | KeyReusedError


class Wish(Struct, frozen=True):
    """A command to be sent. ``id`` makes it happen once; wishes of one ``lane`` go in in order."""

    id: str
    lane: str
    command: Command


W = TypeVar("W", bound=Wish)


class Sending(Struct):
    """How far a sending is, and in the end what it did.

    ``accepted`` counts commands by their names (also those that an earlier run had sent: ``replayed``), and
    ``latencies`` are seconds, in the order of the answers.
    """

    wishes: int = 0
    accepted: Counter[str] = msgspec.field(default_factory=Counter[str])
    replayed: int = 0
    refused: int = 0
    newest: Receipt | None = None
    started: float = 0.0
    seconds: float = 0.0
    latencies: array[float] = msgspec.field(default_factory=lambda: array("d"))

    @property
    def done(self) -> int:
        """How many commands were answered."""
        return len(self.latencies)

    @property
    def per_second(self) -> float:
        """Commands answered per second, so far or in the end."""
        return self.done / max(self.seconds or perf_counter() - self.started, 1e-9)

    @property
    def token(self) -> str | None:
        """For questions that are to include everything that was sent."""
        return self.newest.token if self.newest else None

    def take(self, receipt: Receipt) -> None:
        """Answers come in any order; the one that is furthest in the log counts."""
        if self.newest is None or receipt.position > self.newest.position:
            self.newest = receipt

    def latency_ms(self, share: float, *, of_last: int = 0) -> float:
        """The milliseconds in which this share of the commands was answered, of all or the last few."""
        ranked = sorted(self.latencies[-of_last:])
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] * 1000 if ranked else 0.0


async def send_all(
    app: App, wishes: Iterable[W], progress: Sending, note_refusal: Callable[[W, Refusal], None]
) -> None:
    """Send everything; whoever has ``progress`` can watch it.

    What is refused is noted and the rest goes on. The store's errors end it; then send it again, and it goes on where
    it was. However many wishes come, only a few are in memory.
    """
    progress.started = perf_counter()
    try:
        await _send_in_lanes(app, wishes, progress, note_refusal)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures  # One database fails them all, for one reason.
    finally:
        progress.seconds = perf_counter() - progress.started


async def _send_in_lanes(
    app: App, wishes: Iterable[W], progress: Sending, note_refusal: Callable[[W, Refusal], None]
) -> None:
    room = asyncio.Semaphore(AT_ONCE_MAX)
    newest: dict[str, asyncio.Task[None]] = {}

    def leave(lane: str, task: asyncio.Task[None]) -> None:
        room.release()
        if newest.get(lane) is task:
            del newest[lane]

    async with asyncio.TaskGroup() as group:
        for wish in wishes:
            await room.acquire()
            before = newest.get(wish.lane)
            task = group.create_task(_send_after(before, app, wish, progress, note_refusal))
            newest[wish.lane] = task
            task.add_done_callback(partial(leave, wish.lane))


async def _send_after(
    before: asyncio.Task[None] | None,
    app: App,
    wish: W,
    progress: Sending,
    note_refusal: Callable[[W, Refusal], None],
) -> None:
    if before is not None:
        await before
    started = perf_counter()
    try:
        receipt = await app.send(wish.command, command_id=wish.id)
    except (Rejected, InvalidInputError, KeyReusedError) as error:
        note_refusal(wish, error)
    else:
        progress.accepted[name_of(type(wish.command))] += 1
        progress.replayed += receipt.replayed
        progress.take(receipt)
    progress.latencies.append(perf_counter() - started)
