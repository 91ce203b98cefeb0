"""An acknowledged append survives a power cut, on a disk that keeps of what was not synced only what it likes."""

from __future__ import annotations

import random
from pathlib import Path

from tests.backends.sqlite.appends import append, event
from tests.backends.sqlite.forgetful_disk import ForgetfulDisk
from twofold.backends.sqlite.log import SqliteLog

APPENDS = 40


async def lost(disk: ForgetfulDisk, folder: Path, *, synchronous: str) -> list[int]:
    """The appends that a power cut right after their acknowledgement undid; each leaves a log that is whole."""
    log = SqliteLog(folder / "log.db", vfs=disk.name)
    await log.open()
    # A checkpoint every few appends, so that cuts come in all of its stages, too.
    script = f"pragma wal_autocheckpoint = 12; pragma synchronous = {synchronous}"
    await log.database.run(lambda writer: writer.execute(script).fetchall())
    missing = []
    for number in range(1, APPENDS + 1):
        await log.append([append(event(f"a-{number % 7}", data=b"x" * (number * 97 % 5000)), key=f"key-{number}")])
        disk.cut(folder / f"cut-{number}", random.Random(number))
        found = await survivors(folder / f"cut-{number}")
        assert found == list(range(1, len(found) + 1))
        if len(found) < number:
            missing.append(number)
    await log.close()
    return missing


async def survivors(folder: Path) -> list[int]:
    """The positions in the log of that folder, which must be whole."""
    log = SqliteLog(folder / "log.db")
    await log.open()
    rows = (await log.read()).rows
    assert await log.database.run(lambda writer: writer.execute("pragma integrity_check").get) == "ok"
    await log.close()
    return [row[0] for row in rows]


async def test_no_acknowledged_append_is_lost(tmp_path: Path, disk: ForgetfulDisk) -> None:
    assert await lost(disk, tmp_path, synchronous="full") == []


async def test_the_same_cuts_do_lose_appends_where_commits_are_not_synced(tmp_path: Path, disk: ForgetfulDisk) -> None:
    """So the test above can fail; a log refuses this setting."""
    assert await lost(disk, tmp_path, synchronous="normal") != []
