"""import: lines per second while the Online Retail file becomes orders, until every read model is level."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

from benchmarks.harness import Claim, Effort, Side, Sides
from benchmarks.rooms import Room
from twofold.examples.shop.app import shop
from twofold.examples.shop.importer import import_file
from twofold.examples.shop.retail_file import SLICE

WHOLE_FILE = "TWOFOLD_ONLINE_RETAIL"
"""The environment variable that names the whole file; the slice of it that ships is what runs otherwise."""


def claims(effort: Effort) -> list[Claim]:
    path = SLICE if effort.quick else Path(os.environ.get(WHOLE_FILE, SLICE))
    phases: list[str] = []
    return [
        Claim(
            name="import",
            unit="lines/s",
            sides={"product": ours(path, phases)},
            goals={},
            turns_max=1,
            notes=lambda: f"{path.name}; {phases[-1]}",
        )
    ]


def ours(path: Path, phases: list[str]) -> Side:
    """The shop's own importer. ``phases`` gets a line on where the time went."""

    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with shop(room.url) as app:

            async def measure() -> float:
                began = perf_counter()
                done = await import_file(app, path)
                sent = perf_counter()
                await app.settle(timeout_seconds=600)
                level = perf_counter()
                reading = sent - began - done.seconds
                phases.append(
                    f"{done.lines:,} lines in {level - began:.1f} s: {reading:.1f} s reading the file, {done.seconds:.1f} s "
                    f"sending {done.wishes:,} commands ({done.wishes / done.seconds:,.0f}/s, read models running), "
                    f"{level - sent:.1f} s until the read models were level"
                )
                return done.lines / (level - began)

            yield measure

    return side
