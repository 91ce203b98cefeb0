"""What a subscription says about itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

State: TypeAlias = Literal[
    "running", "catching up", "stalled", "retrying", "stopped", "paused", "rebuilding", "held", "unattended"
]
"""At the head; behind it and moving; behind it and not moving; waiting for a database; halted by an error; halted by an
operator; serving while the next generation is built; not followed, because other code has made what serves; run by nobody."""

SPAN_SECONDS = 5.0

STALLED_SECONDS = 10.0
"""How long a subscription may be behind without moving before it is called stalled: far longer than any page takes."""


class SubscriptionStatus(msgspec.Struct, frozen=True):
    """A read model's (or another subscription's) place in the log.

    ``position``, ``head`` and ``lag`` count events of the whole log; ``rate`` is how many of them per second it has
    passed lately; ``error`` is the last one, also while it is retried, and ``facts`` are its code, message, remedy and
    values: for an event that cannot be folded ``event_type``, ``position``, ``key`` and ``reason``. ``parked`` keys take
    no events until somebody retries them. ``lag_seconds`` is how long ago the first event was recorded that it has not
    passed (0 when level; None where nobody looked), ``owner`` the worker that runs it, ``generation`` which build serves,
    and ``building`` the share of the next one that is done, from 0 to 1.
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
    lag_seconds: float | None = None
    owner: str | None = None
    generation: int | None = None
    building: float | None = None

    @property
    def eta_seconds(self) -> float | None:
        """How long it takes to the head at this rate, if nothing more is appended; None where nobody can tell."""
        if not self.lag:
            return 0.0
        return round(self.lag / self.rate, 3) if self.rate > 0 else None

    @property
    def numbers(self) -> Mapping[str, float]:
        """What a metrics system wants, as gauges: ``moving`` is 1 while somebody keeps it going, 0 otherwise."""
        found = {
            "position": self.position,
            "head": self.head,
            "lag_events": self.lag,
            "lag_seconds": self.lag_seconds,
            "rate": self.rate,
            "eta_seconds": self.eta_seconds,
            "parked": self.parked,
            "generation": self.generation,
            "building": self.building,
            "moving": self.state in ("running", "catching up", "rebuilding"),
        }
        return {name: float(value) for name, value in found.items() if value is not None}


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
