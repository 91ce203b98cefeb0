"""The conformance suite on every backend: the same answers, the same errors, the same limits."""

from __future__ import annotations

import functools
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

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
        schemas: dict[str, str] = {}
        yield lambda name: PostgresLog(
            postgres_server_url, schema=schemas.setdefault(name, f"t_{uuid.uuid4().hex[:12]}_{name}")
        )
        connection = await asyncpg.connect(postgres_server_url)
        for schema in schemas.values():
            await connection.execute(f"drop schema if exists {schema} cascade")
        await connection.close()


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
