"""When the disk, the lock or the caller goes away: what is said, what is kept, and that nothing stays open."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest

from tests.backends.sqlite.appends import append, event, outsider
from tests.backends.sqlite.failing_disk import FailingDisk
from twofold.backends.sqlite.log import SqliteLog
from twofold.errors import OutcomeUnknownError, StoreError, StoreUnavailableError
from twofold.store.criteria import Criteria
from twofold.store.port import Append, Appended, Condition


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = SqliteLog(tmp_path / "log.db", busy_seconds=0.05)
    await log.open()
    yield log
    await log.close()


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    disk = FailingDisk(f"failing-{uuid.uuid4().hex}")
    yield disk
    disk.unregister()


@pytest.fixture
async def log_on_disk(tmp_path: Path, disk: FailingDisk) -> AsyncIterator[SqliteLog]:
    log = SqliteLog(tmp_path / "log.db", vfs=disk.name)
    await log.open()
    yield log
    await log.close()


async def no_transaction_is_open(log: SqliteLog) -> bool:
    return await log.database.run(lambda writer: not writer.in_transaction)


async def test_a_full_disk_is_said_to_be_full_and_nothing_is_written(log: SqliteLog) -> None:
    await log.append([append()])
    await log.database.run(lambda writer: writer.execute("pragma max_page_count = 1").close())
    with pytest.raises(StoreUnavailableError) as refused:
        await log.append([append(event(data=b"x" * 500_000), key="large")])
    assert refused.value.reason == "full"
    assert (await log.head()).position == 1
    assert await no_transaction_is_open(log)


async def test_once_there_is_room_again_the_same_append_goes_in(log: SqliteLog) -> None:
    large = append(event(data=b"x" * 500_000), key="large")
    await log.database.run(lambda writer: writer.execute("pragma max_page_count = 1").close())
    with pytest.raises(StoreUnavailableError):
        await log.append([large])
    await log.database.run(lambda writer: writer.execute("pragma max_page_count = 1000000").close())
    assert await log.append([large]) == [Appended(1, 1, {"family-1": 1})]


async def test_a_file_that_another_process_keeps_locked_is_said_to_be_locked(log: SqliteLog, tmp_path: Path) -> None:
    other = outsider(tmp_path / "log.db")
    other.execute("begin immediate")
    with pytest.raises(StoreUnavailableError) as refused:
        await log.append([append()])
    assert refused.value.reason == "locked"
    assert await no_transaction_is_open(log)
    other.execute("rollback")
    other.close()
    assert await log.append([append()]) == [Appended(1, 1, {"family-1": 1})]


async def test_reading_goes_on_while_another_process_keeps_the_file_locked(log: SqliteLog, tmp_path: Path) -> None:
    await log.append([append()])
    other = outsider(tmp_path / "log.db")
    other.execute("begin immediate")
    assert [row[0] for row in (await log.read()).rows] == [1]
    other.close()


async def test_a_read_only_database_is_said_to_be_read_only(log: SqliteLog) -> None:
    await log.database.run(lambda writer: writer.execute("pragma query_only = on").close())
    with pytest.raises(StoreUnavailableError) as refused:
        await log.append([append()])
    assert refused.value.reason == "read-only"
    assert await no_transaction_is_open(log)


async def test_a_file_that_was_moved_takes_no_appends(log: SqliteLog, tmp_path: Path) -> None:
    await log.append([append()])
    (tmp_path / "log.db").rename(tmp_path / "elsewhere.db")
    with pytest.raises(StoreUnavailableError, match="moved or deleted") as refused:
        await log.append([append()])
    assert refused.value.reason == "away"
    (tmp_path / "elsewhere.db").rename(tmp_path / "log.db")
    assert await log.append([append()]) == [Appended(2, 2, {"family-1": 2})]


async def test_a_closed_log_says_that_it_is_closed(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    for use in (log.append([append()]), log.read(), log.head()):
        with pytest.raises(StoreUnavailableError, match="not open"):
            await use


async def test_a_sync_that_fails_in_the_commit_leaves_the_outcome_unknown(
    log_on_disk: SqliteLog, disk: FailingDisk
) -> None:
    with (
        disk.failing(apsw.IOError, lambda call, operation: operation == "sync"),
        pytest.raises(OutcomeUnknownError),
    ):
        await log_on_disk.append([append(key="pay")])
    assert await no_transaction_is_open(log_on_disk)


async def test_a_retry_after_an_unknown_outcome_gives_the_one_true_answer(tmp_path: Path, disk: FailingDisk) -> None:
    log = SqliteLog(tmp_path / "log.db", vfs=disk.name)
    await log.open()
    with (
        disk.failing(apsw.IOError, lambda call, operation: operation == "sync"),
        pytest.raises(OutcomeUnknownError),
    ):
        await log.append([append(key="pay")])
    (answer,) = await log.append([append(key="pay")])
    assert isinstance(answer, Appended)
    assert (answer.first, answer.last) == (1, 1)
    assert len((await log.read()).rows) == 1
    await log.close()


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
async def test_whichever_write_or_sync_fails_the_log_is_whole_and_goes_on(
    log_on_disk: SqliteLog, disk: FailingDisk, error: type[apsw.Error]
) -> None:
    """Every call of an append fails in turn, until one append needs fewer calls than that."""
    appended = failed = 0
    for nth in range(1, 100):
        batch = [
            append(event(f"s-{nth}"), event(f"s-{nth}"), key=f"key-{nth}"),
            append(event("all-1", data=b"x" * 9000)),
        ]
        with disk.failing(error, lambda call, operation, nth=nth: call == nth):  # type: ignore[misc]
            try:
                await log_on_disk.append(batch)
            except StoreError:
                failed += 1
            calls = disk.calls
        assert await no_transaction_is_open(log_on_disk)
        await log_on_disk.append(batch)
        appended += 1
        if calls < nth:
            break
    rows = (await log_on_disk.read()).rows
    assert failed > 3
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert all([row[2] for row in rows if row[1] == f"s-{nth}"] == [1, 2] for nth in range(1, appended + 1))
    assert await log_on_disk.database.run(lambda writer: writer.execute("pragma integrity_check").get) == "ok"


async def test_what_a_failed_flush_added_breaks_no_later_condition(
    log_on_disk: SqliteLog, disk: FailingDisk, tmp_path: Path
) -> None:
    """The newest events are remembered in memory, as long as the head is where they end: here it comes to be there."""
    take = Append((event("seat-1", "Taken", "seat=1"),), conditions=(Condition(Criteria.of(tags=["seat=1"]), 0),))
    with disk.failing(apsw.FullError), pytest.raises(StoreUnavailableError):
        await log_on_disk.append([take])
    other = SqliteLog(tmp_path / "log.db")
    await other.open()
    await other.append([append(event("seat-2", "Taken", "seat=2"))])
    await other.close()
    assert await log_on_disk.append([take]) == [Appended(2, 2, {"seat-1": 1})]


async def test_a_cancelled_append_is_whole_or_absent_and_the_next_one_follows(log: SqliteLog) -> None:
    for turns in range(12):
        appending = asyncio.create_task(log.append([append(event(), event(), event())]))
        for _ in range(turns):
            await asyncio.sleep(0)
        appending.cancel()
        await asyncio.gather(appending, return_exceptions=True)
    await log.append([append()])
    assert await no_transaction_is_open(log)
    rows = (await log.read()).rows
    assert [row[0] for row in rows] == [row[2] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) % 3 == 1


async def test_who_waits_hears_of_an_append_whose_caller_was_cancelled() -> None:
    log = SqliteLog(None)
    await log.open()
    waiting = asyncio.create_task(log.wait(0, timeout_seconds=60))
    appending = asyncio.create_task(log.append([append()]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    appending.cancel()
    await log.head()  # Behind the append, on the same thread: by now it was done, or it never began.
    if (await log.head()).position == 0:
        await log.append([append()])
    assert await waiting == 1
    await log.close()


async def test_closing_finishes_the_appends_under_way(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    await log.open()
    appending = [asyncio.create_task(log.append([append()])) for _ in range(5)]
    await asyncio.sleep(0)
    await log.close()
    answers = await asyncio.gather(*appending)
    await log.open()
    assert len(answers) == (await log.head()).position == 5
    await log.close()
