"""What the driver and the server say when something fails, in our words: fact, reason, remedy."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import asyncpg

from twofold.errors import OutcomeUnknownError, StoreError, StoreRefusedError, StoreUnavailableError

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What can be raised while talking to a server. The internal one comes when a connection is used between the server's
farewell and its end."""

_BUSY = "Try again; if it stays so, look for long transactions in pg_stat_activity."
_BACK = "Try again when the database is back."

_REASONS = {
    "25006": ("read-only", "Connect to the primary, or lift default_transaction_read_only."),
    "40001": ("busy", _BUSY),
    "40P01": ("busy", _BUSY),
    "53100": ("full", "Make room on the server's disk, then try again."),
    "53200": ("busy", "The server is out of memory: give it more, or fewer connections."),
    "53300": ("busy", "Raise max_connections, or give the pools of your processes a lower limit."),
    "55P03": ("locked", _BUSY),
    "57014": ("busy", _BUSY),
}

_REFUSALS = {
    "28": ("login", "Mend user, password or pg_hba.conf."),
    "3D": ("missing", "Create the database first: createdb NAME."),
    "3F": ("missing", "Run `twofold db init`."),
    "42": ("schema", "Grant the rights, or run `twofold db upgrade` if the schema was changed by hand."),
    "TF": ("unsafe", ""),
}


def failure(error: BaseException, where: object) -> StoreError:
    """The error for a statement that certainly wrote nothing."""
    if isinstance(error, asyncpg.PostgresError):
        return _said_by_server(error, where)
    if isinstance(error, TimeoutError):
        return StoreUnavailableError(f"No answer in time ({where})", reason="away", remedy=_BACK)
    return StoreUnavailableError(f"No connection ({where}): {_short(error)}", reason="away", remedy=_BACK)


@contextmanager
def nothing_written(where: object) -> Generator[None]:
    """Raise what fails inside a transaction, before its COMMIT, as what it is there."""
    try:
        yield
    except FAILURES as error:
        raise failure(error, where) from error


def append_failure(error: BaseException, where: object) -> StoreError:
    """The error for an append that was sent.

    Only an ERROR of the server says for certain that its transaction is gone: a FATAL one may come after the commit.
    Class 22 is also what the driver raises for an argument that it cannot send.
    """
    if isinstance(error, asyncpg.PostgresError) and (_severity(error) == "ERROR" or _state(error)[:2] == "22"):
        return failure(error, where)
    return OutcomeUnknownError(f"The connection broke during an append ({where}): {_short(error)}")


def is_farewell(error: asyncpg.PostgresError) -> bool:
    """Whether it is the last that the server says on this connection, whatever it says."""
    return _severity(error) in ("FATAL", "PANIC")


def _said_by_server(error: asyncpg.PostgresError, where: object) -> StoreError:
    state = _state(error)
    fact = f"{_short(error)} ({where}, SQLSTATE {state})"
    if state in _REASONS:
        reason, remedy = _REASONS[state]
        return StoreUnavailableError(fact, reason=reason, remedy=remedy)
    if state[:2] in _REFUSALS:
        reason, remedy = _REFUSALS[state[:2]]
        return StoreRefusedError(fact, reason=reason, remedy=remedy or str(getattr(error, "hint", "")))
    if state[:2] in ("08", "57") or is_farewell(error):
        return StoreUnavailableError(fact, reason="away", remedy=_BACK)
    return StoreError(fact, remedy="See the server's log.")


def _state(error: asyncpg.PostgresError) -> str:
    return error.sqlstate or ""


def _severity(error: asyncpg.PostgresError) -> str | None:
    severity: str | None = getattr(error, "severity_en", None)
    return severity


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:300]
