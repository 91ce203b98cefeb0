"""A disk that fails when told to: an apsw VFS between SQLite and the real one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import apsw


class FailingDisk(apsw.VFS):
    """Counts its writes and syncs; ``failing`` says what goes wrong at one of them, and for how long."""

    def __init__(self, name: str) -> None:
        self.calls = 0
        self._fails: Callable[[int, str], bool] = lambda call, operation: False
        self._error: type[apsw.Error] = apsw.IOError
        self.name = name
        super().__init__(name, "")

    @contextmanager
    def failing(
        self, error: type[apsw.Error], when: Callable[[int, str], bool] = lambda call, operation: True
    ) -> Generator[None, None, None]:
        """Inside, calls fail ``when(call, operation)``: calls are counted from 1, operations are ``write`` and ``sync``."""
        self.calls, self._error, self._fails = 0, error, when
        try:
            yield
        finally:
            self._fails = lambda call, operation: False

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)

    def happens(self, operation: str) -> None:
        self.calls += 1
        if self._fails(self.calls, operation):
            raise self._error(f"the disk failed at call {self.calls}, a {operation}")


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.happens("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.happens("sync")
        super().xSync(flags)
