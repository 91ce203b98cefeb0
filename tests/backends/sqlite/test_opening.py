"""Which files are taken, which are refused and left as they were, and what a new one looks like."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from tests.backends.sqlite.appends import append, outsider
from twofold.backends.sqlite.connection import Database
from twofold.backends.sqlite.log import LOG_APPLICATION_ID, SqliteLog
from twofold.backends.sqlite.migrations import Schema
from twofold.backends.sqlite.safety import journal_mode, refuse_unsafe_library
from twofold.errors import StoreRefusedError, StoreUnavailableError
from twofold.store.migrations import Migration, checksum, load_migrations


@asynccontextmanager
async def opened(log: SqliteLog) -> AsyncGenerator[SqliteLog, None]:
    await log.open()
    try:
        yield log
    finally:
        await log.close()


async def refusal(log: SqliteLog) -> StoreRefusedError:
    with pytest.raises(StoreRefusedError) as refused:
        await log.open()
    assert refused.value.remedy
    return refused.value


def written(path: Path, *scripts: str) -> Path:
    """A database made by another tool."""
    connection = apsw.Connection(str(path))
    for script in scripts:
        connection.execute(script)
    connection.close()
    return path


def names(folder: Path) -> list[str]:
    """The files of a folder."""
    return sorted(file.name for file in folder.iterdir())


async def test_a_new_file_and_its_wal_belong_to_their_owner_alone(tmp_path: Path) -> None:
    async with opened(SqliteLog(tmp_path / "log.db")) as log:
        await log.append([append()])
        rights = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names(tmp_path)}
    assert rights == {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600}


async def test_a_file_tells_everybody_that_it_is_a_log_of_twofold(tmp_path: Path) -> None:
    async with opened(SqliteLog(tmp_path / "log.db")):
        pass
    assert outsider(tmp_path / "log.db").execute("pragma application_id").get == LOG_APPLICATION_ID


async def test_a_log_is_durable_and_in_wal_mode(tmp_path: Path) -> None:
    async with opened(SqliteLog(tmp_path / "log.db")) as log:
        full = 2
        assert await log.database.run(lambda writer: writer.execute("pragma synchronous").get) == full
        assert await log.database.run(lambda writer: writer.execute("pragma journal_mode").get) == "wal"


async def test_every_file_is_another_store_and_stays_the_same_one(tmp_path: Path) -> None:
    async with opened(SqliteLog(tmp_path / "a.db")) as a, opened(SqliteLog(tmp_path / "b.db")) as b:
        before = await a.head()
        assert before.epoch == 1
        assert before.store_id != (await b.head()).store_id
    async with opened(SqliteLog(tmp_path / "a.db")) as again:
        assert await again.head() == before


async def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    logs = [SqliteLog(tmp_path / "log.db") for _ in range(12)]
    await asyncio.gather(*(log.open() for log in logs))
    assert len({(await log.head()).store_id for log in logs}) == 1
    await asyncio.gather(*(log.close() for log in logs))


def test_a_file_that_is_locked_while_it_is_switched_to_wal_is_asked_again(tmp_path: Path) -> None:
    """SQLite does not ask the busy handler here, as two that switch at once would wait for each other."""
    other, writer = outsider(tmp_path / "log.db"), outsider(tmp_path / "log.db")
    other.execute("begin exclusive")
    asked = []

    def patience(tries: int) -> bool:
        asked.append(tries)
        if tries == 1:
            other.execute("rollback")
        return True

    assert journal_mode(writer, patience) == "wal"
    assert asked == [0, 1]


async def test_an_empty_file_becomes_a_log(tmp_path: Path) -> None:
    (tmp_path / "log.db").touch()
    async with opened(SqliteLog(tmp_path / "log.db")) as log:
        assert (await log.head()).position == 0


async def test_the_database_of_another_program_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "log.db", "create table customers (name text)")
    before = path.read_bytes()
    error = await refusal(SqliteLog(path))
    assert error.reason == "foreign"
    assert path.read_bytes() == before
    assert names(path.parent) == ["log.db"]


async def test_a_file_of_another_kind_of_ours_is_no_log(tmp_path: Path) -> None:
    database = Database(tmp_path / "log.db")
    await database.open(Schema(0x54465244, load_migrations("twofold.backends.sqlite"), "read models"))
    await database.close()
    assert (await refusal(SqliteLog(tmp_path / "log.db"))).reason == "foreign"


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_text("Dear diary, " * 100)
    assert (await refusal(SqliteLog(tmp_path / "log.db"))).reason == "foreign"
    with pytest.raises(StoreRefusedError):
        await SqliteLog(tmp_path / "log.db").current()
    assert (tmp_path / "log.db").read_text() == "Dear diary, " * 100


async def test_a_database_from_the_future_is_refused(tmp_path: Path) -> None:
    async with opened(SqliteLog(tmp_path / "log.db")):
        pass
    written(tmp_path / "log.db", "insert into migrations values (9999, 'flying_cars', 'c')")
    error = await refusal(SqliteLog(tmp_path / "log.db"))
    assert error.reason == "future"
    assert "9999" in str(error)


async def test_a_database_whose_migration_differs_from_ours_is_refused(tmp_path: Path) -> None:
    async with opened(SqliteLog(tmp_path / "log.db")):
        pass
    written(tmp_path / "log.db", "update migrations set checksum = 'other' where number = 1")
    assert (await refusal(SqliteLog(tmp_path / "log.db"))).reason == "schema-changed"


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.50.6", "3.44.5", "3.45.0", "3.7.0", "3.49.2"])
def test_an_sqlite_that_can_corrupt_a_wal_is_refused(version: str) -> None:
    with pytest.raises(StoreRefusedError, match=version) as refused:
        refuse_unsafe_library(version)
    assert refused.value.reason == "unsafe-library"


@pytest.mark.parametrize("version", ["3.51.3", "3.50.7", "3.44.6", "3.52.0", "4.0.0", apsw.sqlite_lib_version()])
def test_an_sqlite_with_the_fix_is_taken(version: str) -> None:
    refuse_unsafe_library(version)


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
async def test_a_log_that_could_lose_what_it_acknowledged_is_refused(tmp_path: Path, synchronous: str) -> None:
    error = await refusal(SqliteLog(tmp_path / "log.db", synchronous=synchronous))  # type: ignore[arg-type]  # any text
    assert error.reason == "unsafe-synchronous"
    assert not (tmp_path / "log.db").exists()


async def test_a_file_system_without_shared_memory_is_refused(tmp_path: Path) -> None:
    """As network file systems are; SQLite has a way of locking with files alone that lacks it too."""
    error = await refusal(SqliteLog(tmp_path / "log.db", vfs="unix-dotfile"))
    assert error.reason == "unsafe-journal"
    assert "delete" in str(error)


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="nowhere") as refused:
        await SqliteLog(tmp_path / "nowhere" / "log.db").open()
    assert refused.value.reason == "away"


async def test_without_leave_to_migrate_nothing_is_created(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        await SqliteLog(tmp_path / "log.db", migrate=False).open()
    assert names(tmp_path) == []


async def test_without_leave_to_migrate_an_older_schema_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "log.db").touch()
    error = await refusal(SqliteLog(tmp_path / "log.db", migrate=False))
    assert error.reason == "outdated"
    assert (tmp_path / "log.db").read_bytes() == b""


async def test_a_log_may_be_asked_where_it_stands_and_upgraded_without_opening_it(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", migrate=False)
    assert (await log.current()).installed == 0
    assert names(tmp_path) == []
    now = await log.upgrade()
    assert (now.installed, now.pending) == (now.shipped, ())
    assert await log.current() == now
    async with opened(log):
        pass


async def test_an_older_schema_is_upgraded_by_what_is_missing_only(tmp_path: Path) -> None:
    first, second = (
        Migration(1, "a", checksum("a"), "create table a (x)"),
        Migration(2, "b", checksum("b"), "create table b (x); insert into a values (1)"),
    )
    for migrations in ([first], [first, second], [first, second]):
        database = Database(tmp_path / "any.db")
        await database.open(Schema(7, migrations, "anything"))
        await database.close()
    assert outsider(tmp_path / "any.db").execute("select count(*) from a").get == 1


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(tmp_path: Path) -> None:
    broken = Migration(1, "broken", checksum("x"), "create table a (x); insert into nowhere values (1)")
    database = Database(tmp_path / "any.db")
    with pytest.raises(apsw.SQLError, match="nowhere"):
        await database.open(Schema(7, [broken], "anything"))
    assert outsider(tmp_path / "any.db").execute("select count(*) from sqlite_schema").get == 0
    assert outsider(tmp_path / "any.db").execute("pragma application_id").get == 0


async def test_a_log_in_memory_is_private_and_whole(tmp_path: Path) -> None:
    async with opened(SqliteLog(None)) as log, opened(SqliteLog(None)) as other:
        await log.append([append()])
        assert (await log.head()).position == 1
        assert (await other.head()).position == 0
