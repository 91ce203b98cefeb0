"""A power cut rewinds rows and checkpoints of the read models together, whatever the disk kept; the log makes up for it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from tests.backends.sqlite.forgetful_disk import ForgetfulDisk
from tests.projections.school import REGISTRY, ChildAdded, FamilyEnrolled, FamilyView, MonthView, paid
from tests.read_stores import log_of
from twofold.backends.sqlite.reads import SqliteReads
from twofold.errors import StoreRefusedError
from twofold.messages import Event
from twofold.projections import Projector, define
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

FAMILIES = 25
MODELS = (define(FamilyView), define(MonthView))


def history() -> list[tuple[str, Event]]:
    """Rows of several pages of the file, each of which changes again and again."""
    chance = random.Random(1)
    told: list[tuple[str, Event]] = [
        (f"family-{number}", FamilyEnrolled(name="x" * chance.randrange(2000))) for number in range(FAMILIES)
    ]
    for number in range(150):
        event = paid(f"{number}.50", month=chance.randrange(1, 13)) if number % 4 else ChildAdded(name="y" * number)
        told.append((f"family-{chance.randrange(FAMILIES)}", event))
    return told


class Kept(NamedTuple):
    """Where a read model stands, and its rows."""

    position: int
    rows: list[Any]


async def kept(reads: SqliteReads) -> list[Kept]:
    """What a file holds, which must be whole."""
    await reads.install([model.table for model in MODELS])
    assert await reads.database.run(lambda writer: writer.execute("pragma integrity_check").get) == "ok"
    stand = await reads.checkpoints([model.name for model in MODELS])
    return [
        Kept(
            stand[model.name].position if model.name in stand else 0,
            sorted(await reads.select(model.table, "", {}), key=repr),
        )
        for model in MODELS
    ]


def engine(log: MemoryLog, reads: SqliteReads, *, page_max: int = 3) -> Engine:
    return Engine(log, REGISTRY, Projector(reads, MODELS), page_max=page_max)


async def every_fold(log: MemoryLog) -> AsyncIterator[list[Kept]]:
    """What the read models are before the first event, and after each."""
    reads = SqliteReads(None)
    await reads.open()
    yield await kept(reads)
    runner = engine(log, reads, page_max=1)
    while await runner.step():
        yield await kept(reads)
    yield await kept(reads)
    await reads.close()


async def cuts(disk: ForgetfulDisk, folder: Path, log: MemoryLog, *, synchronous: str) -> list[Path]:
    """Fold the log page by page, and cut the power after each: what is found then."""
    reads = SqliteReads(folder / "reads.db", vfs=disk.name)
    await reads.open()
    # A checkpoint every few pages, so that cuts come in all of its stages, too.
    script = f"pragma wal_autocheckpoint = 12; pragma synchronous = {synchronous}"
    await reads.database.run(lambda writer: writer.execute(script).fetchall())
    await reads.install([model.table for model in MODELS])
    found: list[Path] = []
    runner = engine(log, reads)
    while await runner.step():
        found.append(folder / f"cut-{len(found)}")
        disk.cut(found[-1], random.Random(len(found)))
    await reads.close()
    return found


async def test_rows_and_checkpoints_are_rewound_together_and_then_catch_up(tmp_path: Path, disk: ForgetfulDisk) -> None:
    log = await log_of(history())
    folds = [fold async for fold in every_fold(log)]
    rewound = 0
    for number, cut in enumerate(await cuts(disk, tmp_path, log, synchronous="normal"), 1):
        reads = SqliteReads(cut / "reads.db")
        await reads.open()
        found = await kept(reads)
        assert found == [folds[each.position][index] for index, each in enumerate(found)]
        rewound += found[0].position < number * 3
        await engine(log, reads, page_max=100).settle()
        assert await kept(reads) == folds[-1]
        await reads.close()
    assert rewound, "the disk kept everything, so nothing was tested"


async def test_the_same_cuts_do_destroy_a_file_that_is_never_synced(tmp_path: Path, disk: ForgetfulDisk) -> None:
    """So the test above can fail."""
    log = await log_of(history())
    folds = [fold async for fold in every_fold(log)]
    assert await spoiled(await cuts(disk, tmp_path, log, synchronous="off"), folds)


async def spoiled(found: Sequence[Path], folds: Sequence[list[Kept]]) -> list[Path]:
    """The files that cannot be opened, are damaged, or hold what no fold gives."""
    broken = []
    for cut in found:
        reads = SqliteReads(cut / "reads.db")
        try:
            await reads.open()
            state = await kept(reads)
            assert state == [folds[each.position][index] for index, each in enumerate(state)]
        except (AssertionError, StoreRefusedError, apsw.Error):
            broken.append(cut)
        await reads.close()
    return broken
