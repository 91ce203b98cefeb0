"""SQLite means what every backend means, in a file and in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from twofold.backends.sqlite.connection import Database
from twofold.backends.sqlite.log import SqliteLog
from twofold.backends.sqlite.migrations import Schema
from twofold.backends.sqlite.snapshots import SqliteSnapshots
from twofold.testing.conformance import EventStoreConformance, Logs, SnapshotStoreConformance


class TestLogInAFile(EventStoreConformance):
    @pytest.fixture
    def logs(self, tmp_path: Path) -> Logs:
        return lambda name: SqliteLog(tmp_path / f"{name}.db")


class TestSnapshotsInMemory(SnapshotStoreConformance):
    @pytest.fixture
    async def snapshots(self) -> AsyncIterator[SqliteSnapshots]:
        database = Database(None, synchronous="NORMAL")
        await database.open(Schema(0x54776F72, (), "read models of Twofold"))
        yield SqliteSnapshots(database)
        await database.close()
