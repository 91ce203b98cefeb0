"""What Twofold refuses to work on: an SQLite, settings or a file that could lose or corrupt what was acknowledged."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import apsw

from twofold.errors import StoreRefusedError, StoreUnavailableError

Synchronous: TypeAlias = Literal["OFF", "NORMAL", "FULL", "EXTRA"]
_LEVELS: tuple[Synchronous, ...] = ("OFF", "NORMAL", "FULL", "EXTRA")
_REASONS = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EACCES: "read-only",
    errno.EPERM: "read-only",
    errno.EROFS: "read-only",
}


def refuse_unsafe_library(version: str) -> None:
    """``StoreRefusedError`` for an SQLite that can corrupt a WAL: all of 3.7.0 to 3.51.2 but two backports."""
    number = tuple(int(part) for part in version.split("."))
    safe = number >= (3, 51, 3) or (3, 50, 7) <= number < (3, 51) or (3, 44, 6) <= number < (3, 45)
    if not safe:
        raise StoreRefusedError(
            f"SQLite {version} can corrupt a database in WAL mode (fixed in 3.51.3)",
            reason="unsafe-library",
            remedy="Run `pip install -U apsw`: it brings an SQLite of its own.",
        )


def journal_mode(writer: apsw.Connection, patience: Callable[[int], bool]) -> str:
    """The journal mode after asking for WAL. Where two ask at once for a new file, SQLite tells one at once: busy."""
    tries = 0
    while True:
        try:
            mode: str = writer.execute("pragma journal_mode = wal").get
            return mode
        except apsw.BusyError:
            if not patience(tries):
                raise
        tries += 1


def refuse_unsafe_settings(writer: apsw.Connection, where: str, journal: str, synchronous: Synchronous) -> None:
    """``StoreRefusedError`` if the file cannot use a WAL, or if commits would be less durable than asked."""
    if journal != "wal":
        raise StoreRefusedError(
            f"{where} cannot use a write-ahead log (journal mode: {journal})",
            reason="unsafe-journal",
            remedy="Keep it on a local disk: network file systems have no shared memory.",
        )
    level = _LEVELS[writer.execute("pragma synchronous").get]
    if _LEVELS.index(level) < _LEVELS.index(synchronous):
        raise StoreRefusedError(
            f"{where} would not be durable (synchronous: {level}, needed: {synchronous})",
            reason="unsafe-synchronous",
            remedy=f"Set synchronous={synchronous}.",
        )


def create_private(path: Path) -> None:
    """A new file belongs to its owner alone; SQLite gives its -wal and -shm the same rights."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass  # The file keeps the rights that somebody gave it.
    except OSError as error:
        raise StoreUnavailableError(
            f"The database {path} cannot be created ({error.strerror})",
            reason=_REASONS.get(error.errno or 0, "away"),
            remedy="Check that its folder exists, has room, and that this user may write there.",
        ) from error


def refuse_moved(writer: apsw.Connection, where: str) -> None:
    """``StoreUnavailableError`` if the file has another name by now, or none: its -wal would stay behind. Takes 2 µs."""
    moved = ctypes.c_int(0)
    writer.file_control("main", apsw.SQLITE_FCNTL_HAS_MOVED, ctypes.addressof(moved))
    if moved.value:
        raise StoreUnavailableError(
            f"{where} was moved or deleted while it was open", reason="away", remedy="Put it back, or open it anew."
        )
