"""What a subscription says about itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

State: TypeAlias = Literal["running", "catching up", "retrying", "stopped", "elsewhere", "held"]
"""At the head; behind it and moving; waiting for a database; halted by an error, here or elsewhere; not run by this process;
not followed by it, because other code has made what serves."""

SPAN_SECONDS = 5.0


class SubscriptionStatus(msgspec.Struct, frozen=True):
    """A read model's (or another subscription's) place in the log.

    ``position``, ``head`` and ``lag`` count events of the whole log; ``rate`` is how many of them per second it has
    passed lately; ``error`` is the last one, also while it is retried, and ``facts`` are its code, message, remedy and
    values: for an event that cannot be folded ``event_type``, ``position``, ``key`` and ``reason``. ``parked`` keys take
    no events until somebody retries them.
    """

    name: str
    state: State
    position: int
    head: int
    lag: int
    rate: float = 0.0
    error: str | None = None
    facts: Mapping[str, Any] | None = None
    parked: int = 0


class Meter:
    """Events per second over the last few seconds, fading; on a monotonic clock, for people to look at."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._at = now()
        self._rate = 0.0

    def add(self, count: int) -> None:
        """Count events that were passed since the last call."""
        seconds = max(self._now() - self._at, 1e-6)
        keep = math.exp(-seconds / SPAN_SECONDS)
        self._rate = self._rate * keep + max(count, 0) / seconds * (1 - keep)
        self._at += seconds

    @property
    def rate(self) -> float:
        return self._rate * math.exp(-max(self._now() - self._at, 0.0) / SPAN_SECONDS)
