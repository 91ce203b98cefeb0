"""The conformance suite on every backend: the same answers, the same errors, the same limits."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.postgres_server import drop_schemas, own_name
from twofold.backends.postgres.log import PostgresLog
from twofold.backends.postgres.snapshots import PostgresSnapshots
from twofold.backends.sqlite.log import SqliteLog
from twofold.backends.sqlite.reads import SqliteReads
from twofold.backends.sqlite.snapshots import SqliteSnapshots
from twofold.config import PostgresURL, parse_url
from twofold.testing.conformance import EventStoreConformance, Logs, SnapshotStoreConformance
from twofold.testing.memory import MemoryLog, MemorySnapshots


class TestMemoryLog(EventStoreConformance):
    @pytest.fixture
    def logs(self) -> Logs:
        return functools.cache(lambda name: MemoryLog())


class TestSqliteLog(EventStoreConformance):
    programs_share = 0.5

    @pytest.fixture
    def logs(self, tmp_path: Path) -> Logs:
        return lambda name: SqliteLog(tmp_path / f"{name}.db")


class TestPostgresLog(EventStoreConformance):
    programs_share = 0.15

    @pytest.fixture
    async def logs(self, postgres_server_url: str) -> AsyncIterator[Logs]:
        beginning = own_name()
        yield lambda name: PostgresLog(postgres_server_url, schema=f"{beginning}_{name}")
        await drop_schemas(postgres_server_url, beginning)


class TestMemorySnapshots(SnapshotStoreConformance):
    @pytest.fixture
    def snapshots(self) -> MemorySnapshots:
        return MemorySnapshots()


class TestSqliteSnapshots(SnapshotStoreConformance):
    @pytest.fixture
    async def snapshots(self, tmp_path: Path) -> AsyncIterator[SqliteSnapshots]:
        reads = SqliteReads(tmp_path / "log.reads.db")
        await reads.open()
        yield SqliteSnapshots(reads.database)
        await reads.close()


class TestPostgresSnapshots(SnapshotStoreConformance):
    @pytest.fixture
    async def snapshots(self, postgres_url: str) -> AsyncIterator[PostgresSnapshots]:
        url = parse_url(postgres_url)
        assert isinstance(url, PostgresURL)
        await PostgresLog(url.dsn, schema=url.schema).upgrade()
        snapshots = PostgresSnapshots(url.dsn, schema=url.schema)
        await snapshots.open()
        yield snapshots
        await snapshots.close()
