"""Clocks that people and programs set: that of the databases, and one of each machine. Nothing that is right may depend on them.

The time of the loop is that of monotonic clocks, which nobody can set.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

BEGAN = datetime(2000, 1, 1, tzinfo=UTC)


class WallClock:
    """A clock that may be set while it goes."""

    def __init__(self, true: Callable[[], float]) -> None:
        self._true = true
        self._off = self._off_most = 0.0

    def __call__(self) -> float:
        return self._true() + self._off

    def now(self) -> datetime:
        """The same as a time of day, for what is recorded."""
        return BEGAN + timedelta(seconds=self())

    def jump(self, seconds: float) -> None:
        """Set it forwards or backwards."""
        self._off += seconds
        self._off_most = max(self._off_most, self._off)

    def come_up(self) -> None:
        """Show no less than it ever has: whatever was to end by it, ends."""
        self._off = self._off_most
