"""What SQLite's failures mean to a caller: one table from its result codes to our errors."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import apsw

from twofold.errors import OutcomeUnknownError, StoreRefusedError, StoreUnavailableError

_UNAVAILABLE: dict[type[apsw.Error], tuple[str, str, str]] = {
    apsw.BusyError: ("is locked by another process", "locked", "Find who holds a write transaction open, then retry."),
    apsw.LockedError: ("is locked by another connection", "locked", "Retry when the other connection is done."),
    apsw.FullError: ("cannot grow: the disk or its quota is full", "full", "Make room, then retry."),
    apsw.ReadOnlyError: ("is read-only", "read-only", "Make the file and its folder writable for this user."),
    apsw.PermissionsError: (
        "may not be used by this user",
        "read-only",
        "Make file and folder writable for this user.",
    ),
    apsw.CantOpenError: ("cannot be opened", "away", "Check that its folder exists and that this user may use it."),
    apsw.IOError: ("cannot be read or written", "away", "Look at the disk and the system's log, then retry."),
    apsw.ConnectionClosedError: ("is closed", "away", "Open it before use."),
}
_REFUSED: dict[type[apsw.Error], tuple[str, str, str]] = {
    apsw.NotADBError: ("is not an SQLite database", "foreign", "Name another file; this one was not touched."),
    apsw.CorruptError: ("is damaged", "damaged", "Stop writing, keep the file and its -wal, and restore a backup."),
}


@contextmanager
def told(where: str) -> Generator[None, None, None]:
    """Raise SQLite's failures inside as ``StoreError``; ``where`` names the file. Mistakes in SQL pass unchanged."""
    try:
        yield
    except apsw.Error as error:
        raise in_our_words(error, where) from error


@contextmanager
def told_of_commit(where: str) -> Generator[None, None, None]:
    """The same around a COMMIT, where a failing disk leaves open what a later recovery finds in the WAL."""
    try:
        with told(where):
            yield
    except StoreUnavailableError as error:
        if error.reason == "away":
            raise OutcomeUnknownError(f"{where} failed while an append was being committed") from error
        raise


def in_our_words(error: apsw.Error, where: str) -> Exception:
    """What to raise for a failure of SQLite: a ``StoreError``, or itself where it is a mistake in SQL."""
    if known := _UNAVAILABLE.get(type(error)):
        fact, reason, remedy = known
        return StoreUnavailableError(f"{where} {fact} ({error})", reason=reason, remedy=remedy)
    if known := _REFUSED.get(type(error)):
        fact, reason, remedy = known
        return StoreRefusedError(f"{where} {fact} ({error})", reason=reason, remedy=remedy)
    return error
