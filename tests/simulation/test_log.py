"""The simulated log is a log: the suite that every backend passes, through a line that takes its time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.simulation.log import LogDoor, SharedLog
from tests.simulation.network import Line, Weather
from twofold.testing.conformance import EventStoreConformance, Logs


class TestSimulatedLog(EventStoreConformance):
    programs_share = 0.2

    @pytest.fixture
    def logs(self) -> Logs:
        shared = functools.cache(SharedLog)
        return lambda name: LogDoor(shared(name), Line(RealTime(), Weather(), Random(0), quick_seconds=0.0))


class RealTime:
    """That of whichever loop runs a test."""

    over = False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    def call_elsewhere(self, seconds: float, callback: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(seconds, callback)
