"""An acknowledged append survives a power cut, on a disk that keeps of what was not synced only what it likes."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.backends.sqlite.appends import append, event
from twofold.backends.sqlite.log import SqliteLog

APPENDS = 40


class ForgetfulDisk(apsw.VFS):
    """Remembers, of each file, its bytes at the last sync and every write since."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.synced: dict[Path, bytearray] = {}
        self.since: dict[Path, list[tuple[int, bytes]]] = {}
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name or "")
        if path not in self.synced:
            self.synced[path], self.since[path] = bytearray(), []
        return _File(self, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.synced.pop(Path(filename), None)
        super().xDelete(filename, syncdir)

    def cut(self, folder: Path, chance: random.Random) -> None:
        """What a reader finds after the power came back: a few of the writes since the last sync, in part."""
        folder.mkdir()
        for path, synced in self.synced.items():
            image = bytearray(synced)
            for offset, data in self.since[path]:
                if chance.random() < 0.5:
                    _put(image, offset, data[: chance.randrange(len(data) + 1)])
            (folder / path.name).write_bytes(image)


class _File(apsw.VFSFile):
    def __init__(self, disk: ForgetfulDisk, path: Path, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk, self._path = disk, path
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.since[self._path].append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        for offset, data in self._disk.since[self._path]:
            _put(self._disk.synced[self._path], offset, data)
        self._disk.since[self._path].clear()
        super().xSync(flags)


def _put(image: bytearray, offset: int, data: bytes) -> None:
    image.extend(bytes(max(0, offset - len(image))))
    image[offset : offset + len(data)] = data


@pytest.fixture
def disk() -> Iterator[ForgetfulDisk]:
    disk = ForgetfulDisk(f"forgetful-{uuid.uuid4().hex}")
    yield disk
    disk.unregister()


async def lost(disk: ForgetfulDisk, folder: Path, *, synchronous: str) -> list[int]:
    """The appends that a power cut right after their acknowledgement undid; each leaves a log that is whole."""
    log = SqliteLog(folder / "log.db", vfs=disk.name)
    await log.open()
    # A checkpoint every few appends, so that cuts come in all of its stages, too.
    script = f"pragma wal_autocheckpoint = 12; pragma synchronous = {synchronous}"
    await log._database.run(lambda writer: writer.execute(script).fetchall())
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
    assert await log._database.run(lambda writer: writer.execute("pragma integrity_check").get) == "ok"
    await log.close()
    return [row[0] for row in rows]


async def test_no_acknowledged_append_is_lost(tmp_path: Path, disk: ForgetfulDisk) -> None:
    assert await lost(disk, tmp_path, synchronous="full") == []


async def test_the_same_cuts_do_lose_appends_where_commits_are_not_synced(tmp_path: Path, disk: ForgetfulDisk) -> None:
    """So the test above can fail; a log refuses this setting."""
    assert await lost(disk, tmp_path, synchronous="normal") != []
