"""Who waits hears of other processes' appends, and nothing is looked at while nobody waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.backends.sqlite.appends import append
from twofold.backends.sqlite.log import SqliteLog
from twofold.backends.sqlite.news import News
from twofold.errors import StoreUnavailableError


class Looks:
    """Counts how often it is looked, and says what there is to see."""

    def __init__(self) -> None:
        self.count = 0
        self.sees: int | StoreUnavailableError | None = None

    def __call__(self) -> int | None:
        self.count += 1
        if isinstance(self.sees, StoreUnavailableError):
            raise self.sees
        return self.sees


async def waiting(news: News, after: int) -> asyncio.Task[None]:
    """Somebody who waits, and has begun to."""
    task = asyncio.create_task(news.beyond(after, 60))
    await asyncio.sleep(0)
    return task


def looking(news: News) -> bool:
    """Whether a look is planned."""
    return news._timer is not None


async def test_an_append_through_another_connection_wakes_who_waits(tmp_path: Path) -> None:
    here, there = SqliteLog(tmp_path / "log.db"), SqliteLog(tmp_path / "log.db")
    await here.open()
    await there.open()
    wait = asyncio.create_task(here.wait(0, timeout_seconds=60))
    await asyncio.sleep(0)
    await there.append([append()])
    assert await wait == 1
    await here.close()
    await there.close()


async def test_what_was_appended_elsewhere_before_needs_no_waiting(tmp_path: Path) -> None:
    here, there = SqliteLog(tmp_path / "log.db"), SqliteLog(tmp_path / "log.db")
    await here.open()
    await there.open()
    await there.append([append()])
    assert await here.wait(0, timeout_seconds=0) == 1
    await here.close()
    await there.close()


async def test_nobody_looks_before_somebody_waits_and_after_nobody_does() -> None:
    looks = Looks()
    news = News(looks)
    assert not looking(news)
    wait = await waiting(news, 0)
    assert looking(news)
    news.tell(1)
    await wait
    news._look_now()
    assert not looking(news)
    assert looks.count == 0
    news.close()


async def test_who_waits_looks_again_and_again_until_there_is_news() -> None:
    looks = Looks()
    news = News(looks)
    wait = await waiting(news, 0)
    for _ in range(3):
        news._look_now()
        assert looking(news)
    assert not wait.done()
    looks.sees = 1
    news._look_now()
    await wait
    news.close()


async def test_all_who_wait_share_one_look() -> None:
    looks = Looks()
    looks.sees = 7
    news = News(looks)
    waits = [await waiting(news, after) for after in range(5)]
    news._look_now()
    await asyncio.gather(*waits)
    assert (looks.count, news.position) == (1, 7)
    news.close()


async def test_a_database_that_goes_away_ends_the_waiting_with_its_error() -> None:
    looks = Looks()
    looks.sees = StoreUnavailableError("The disk is gone", reason="away")
    news = News(looks)
    wait = await waiting(news, 0)
    news._look_now()
    with pytest.raises(StoreUnavailableError, match="The disk is gone"):
        await wait
    news.close()


async def test_closing_the_log_ends_the_waiting(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    await log.open()
    wait = asyncio.create_task(log.wait(0, timeout_seconds=60))
    await asyncio.sleep(0)
    await log.close()
    with pytest.raises(StoreUnavailableError, match="not open"):
        await wait
