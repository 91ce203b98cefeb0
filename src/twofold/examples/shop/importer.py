"""Imports the Online Retail file: the commands of one customer go in one after the other, those of different ones at once."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import msgspec
from msgspec import Struct

from twofold import App, Receipt, Rejected
from twofold.errors import InvalidInputError, KeyReusedError
from twofold.examples.shop.retail_file import Broken, Line, read
from twofold.examples.shop.wishes import Wish, wishes_of
from twofold.messages import name_of

AT_ONCE_MAX = 64
"""Commands under way at a time. Their appends share commits, so that more of them cost little more."""


class Import(Struct):
    """How far an import is, and in the end what it did.

    ``amount`` is the sum over all lines that are not ``broken``, ``accepted`` counts commands by their names (also those that
    an earlier run had sent), and ``latencies`` are seconds, in the order of the answers.
    """

    lines: int = 0
    amount: Decimal = Decimal(0)
    wishes: int = 0
    accepted: Counter[str] = msgspec.field(default_factory=Counter[str])
    replayed: int = 0
    refused: int = 0
    refused_amount: Decimal = Decimal(0)
    broken: list[Broken] = msgspec.field(default_factory=list[Broken])
    newest: Receipt | None = None
    started: float = 0.0
    seconds: float = 0.0
    latencies: array[float] = msgspec.field(default_factory=lambda: array("d"))

    @property
    def done(self) -> int:
        """How many commands were answered."""
        return len(self.latencies)

    @property
    def token(self) -> str | None:
        """For questions that are to include everything that was imported."""
        return self.newest.token if self.newest else None

    def take(self, receipt: Receipt) -> None:
        """Answers come in any order; the one that is furthest in the log counts."""
        if self.newest is None or receipt.position > self.newest.position:
            self.newest = receipt

    def latency_ms(self, share: float, *, of_last: int = 0) -> float:
        """The milliseconds in which this share of the commands was answered, of all or the last few."""
        ranked = sorted(self.latencies[-of_last:])
        return ranked[min(int(len(ranked) * share), len(ranked) - 1)] * 1000 if ranked else 0.0


async def import_file(app: App, path: Path, progress: Import | None = None) -> Import:
    """Import the file; whoever passes ``progress`` can watch it.

    A broken row is reported in ``broken`` and the rest goes on. ``InvalidInputError`` where it is no such file, and the
    store's errors, end it; then run it again, and it goes on where it was.
    """
    progress = progress or Import()
    lines = await _read(path, progress)
    wishes = list(wishes_of(lines))
    progress.wishes = len(wishes)
    progress.started = perf_counter()
    try:
        await _send_all(app, wishes, progress)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures  # One database fails them all, for one reason.
    finally:
        progress.seconds = perf_counter() - progress.started
    return progress


async def _read(path: Path, progress: Import) -> list[Line]:
    lines: list[Line] = []
    for row in read(path):
        if isinstance(row, Broken):
            progress.broken.append(row)
        else:
            lines.append(row)
            progress.amount += row.amount
        progress.lines += 1
        if progress.lines % 1000 == 0:
            await asyncio.sleep(0)  # Whoever watches gets a turn.
    return lines


async def _send_all(app: App, wishes: Sequence[Wish], progress: Import) -> None:
    room = asyncio.Semaphore(AT_ONCE_MAX)
    newest: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as group:
        for wish in wishes:
            await room.acquire()
            task = group.create_task(_send_after(newest.get(wish.lane), app, wish, progress))
            task.add_done_callback(lambda _: room.release())
            newest[wish.lane] = task


async def _send_after(before: asyncio.Task[None] | None, app: App, wish: Wish, progress: Import) -> None:
    if before is not None:
        await before
    started = perf_counter()
    try:
        receipt = await app.send(wish.command, command_id=wish.id)
    except (Rejected, InvalidInputError, KeyReusedError) as error:
        _note_refusal(wish, error, progress)
    else:
        progress.accepted[name_of(type(wish.command))] += 1
        progress.replayed += receipt.replayed
        progress.take(receipt)
    progress.latencies.append(perf_counter() - started)


def _note_refusal(wish: Wish, error: Rejected | InvalidInputError | KeyReusedError, progress: Import) -> None:
    if isinstance(error, Rejected) and error.code == "not-held":
        progress.refused += 1
        progress.refused_amount += sum(line.amount for line in wish.lines)
    else:
        progress.broken += [Broken(line.number, str(error)) for line in wish.lines]
        progress.amount -= sum(line.amount for line in wish.lines)
