"""The conformance suite on every backend: the same answers, the same errors, the same limits."""

from __future__ import annotations

import functools

import pytest

from twofold.testing.conformance import EventStoreConformance, Logs, SnapshotStoreConformance
from twofold.testing.memory import MemoryLog, MemorySnapshots


class TestMemoryLog(EventStoreConformance):
    @pytest.fixture
    def logs(self) -> Logs:
        return functools.cache(lambda name: MemoryLog())


class TestMemorySnapshots(SnapshotStoreConformance):
    @pytest.fixture
    def snapshots(self) -> MemorySnapshots:
        return MemorySnapshots()
