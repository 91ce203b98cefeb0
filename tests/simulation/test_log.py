"""The simulated log is a log: the suite that every backend passes, through a line that takes its time."""

from __future__ import annotations

import functools
from random import Random

import pytest

from tests.simulation.log import LogDoor, SharedLog
from tests.simulation.network import Line, Weather
from twofold.testing.conformance import EventStoreConformance, Logs


class TestSimulatedLog(EventStoreConformance):
    programs_share = 0.2

    @pytest.fixture
    def logs(self) -> Logs:
        shared = functools.cache(SharedLog)
        return lambda name: LogDoor(shared(name), Line(Weather(), Random(0), quick_seconds=0.0))
