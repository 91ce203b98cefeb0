"""SQLite in memory means what it means in a file, but for what outlives its closing."""

from __future__ import annotations

import functools

import pytest

from twofold.backends.sqlite.log import SqliteLog
from twofold.testing.conformance import Logs
from twofold.testing.conformance.concurrency import Concurrency
from twofold.testing.conformance.conditions import Conditions
from twofold.testing.conformance.reading import Reading
from twofold.testing.conformance.streams import ReadingStreams
from twofold.testing.conformance.waiting import Waiting


class TestLogInMemory(Conditions, Reading, ReadingStreams, Waiting, Concurrency):
    @pytest.fixture
    def logs(self) -> Logs:
        return functools.cache(lambda name: SqliteLog(None))
