"""What has been asked, how often it was at hand already, and what took too long."""

from __future__ import annotations

import logging

import msgspec

LOGGER = logging.getLogger("twofold.queries")


class QuestionCount(msgspec.Struct):
    """One query in this process since the app's start.

    ``hits`` and ``misses`` are of those whose answers are kept; a question that shared another's answer is a hit.
    ``slow`` counts answers that took ``slow_seconds`` or more, failed ones too. Times are without waiting for read
    models, in seconds.
    """

    asked: int = 0
    hits: int = 0
    misses: int = 0
    slow: int = 0
    slowest_seconds: float = 0.0
    total_seconds: float = 0.0


class Tally:
    """Counts the questions of one type. It writes a slow one's name to the log ``twofold.queries``, never its values."""

    __slots__ = ("_name", "_slow_seconds", "count")

    def __init__(self, name: str, slow_seconds: float) -> None:
        self.count = QuestionCount()
        self._name = name
        self._slow_seconds = slow_seconds

    def took(self, seconds: float) -> None:
        """One was answered, or failed, after so long."""
        count = self.count
        count.total_seconds += seconds
        count.slowest_seconds = max(count.slowest_seconds, seconds)
        if seconds >= self._slow_seconds:
            count.slow += 1
            LOGGER.warning("%s took %.3f s", self._name, seconds)
