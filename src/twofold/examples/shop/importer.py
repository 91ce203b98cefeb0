"""Imports the Online Retail file: the commands of one customer go in one after the other, those of different ones at once."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from functools import partial
from pathlib import Path

import msgspec

from twofold import App, Rejected
from twofold.examples.sending import Refusal, Sending, send_all
from twofold.examples.shop.retail_file import Broken, Line, read
from twofold.examples.shop.wishes import LinesWish, wishes_of


class Import(Sending):
    """How far an import is, and in the end what it did. ``amount`` is the sum over all lines that are not ``broken``."""

    lines: int = 0
    amount: Decimal = Decimal(0)
    refused_amount: Decimal = Decimal(0)
    broken: list[Broken] = msgspec.field(default_factory=list[Broken])


async def import_file(app: App, path: Path, progress: Import | None = None) -> Import:
    """Import the file; whoever passes ``progress`` can watch it.

    A broken row is reported in ``broken`` and the rest goes on. ``InvalidInputError`` where it is no such file, and the
    store's errors, end it; then run it again, and it goes on where it was.
    """
    progress = progress or Import()
    lines = await _read(path, progress)
    wishes = list(wishes_of(lines))
    progress.wishes = len(wishes)
    await send_all(app, wishes, progress, partial(_note_refusal, progress))
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


def _note_refusal(progress: Import, wish: LinesWish, error: Refusal) -> None:
    if isinstance(error, Rejected) and error.code == "not-held":
        progress.refused += 1
        progress.refused_amount += sum(line.amount for line in wish.lines)
    else:
        progress.broken += [Broken(line.number, str(error)) for line in wish.lines]
        progress.amount -= sum(line.amount for line in wish.lines)
