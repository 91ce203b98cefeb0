"""What to do about failures: how long to rest before the next try, and how to say what happened."""

from __future__ import annotations

from twofold.errors import TwofoldError


def backoff_seconds(failures: int) -> float:
    """How long to rest after so many failures in a row: 50 ms, doubling, at most 5 s."""
    return min(0.05 * 2.0 ** min(failures - 1, 10), 5.0)


def told(error: Exception) -> TwofoldError:
    """Anything that went wrong as an error that a status can show."""
    if isinstance(error, TwofoldError):
        return error
    found = TwofoldError(f"The engine met {type(error).__name__}: {error}", remedy="This is a bug; please report it.")
    found.__cause__ = error
    return found
