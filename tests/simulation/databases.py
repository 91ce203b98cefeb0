"""The databases of a simulated world."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.generations import Generations
from tests.simulation.leases import SharedLeases
from tests.simulation.log import SharedLog
from tests.simulation.reads import SharedReads


class Databases:
    """A log, and a database of read models with their generations and leases."""

    def __init__(self, now: Callable[[], float] = lambda: 0.0) -> None:
        self.log, self.reads = SharedLog(), SharedReads()
        self.generations = Generations(self.reads)
        self.leases = SharedLeases(self.reads, now)
