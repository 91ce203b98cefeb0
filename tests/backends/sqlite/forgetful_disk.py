"""A disk that keeps, when the power is cut, of what was not synced only what it likes."""

from __future__ import annotations

import random
from pathlib import Path

import apsw


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
