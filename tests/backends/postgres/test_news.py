"""Who waits for news hears of it, whatever happens to the connection that listens."""

from __future__ import annotations

import asyncio

import pytest

from tests.backends.postgres.logs import Outsider, append, appended, log_at, opened
from twofold.backends.postgres import news
from twofold.backends.postgres.log import PostgresLog
from twofold.config import PostgresURL

FOREVER_SECONDS = 1000.0


async def listening(log: PostgresLog) -> None:
    while not log._news.listening:
        await log._news.within(log._news.next(), 0.1)


@pytest.fixture
def _hints_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for himself, so that only a hint can wake."""
    monkeypatch.setattr(news, "POLL_SECONDS", FOREVER_SECONDS)


@pytest.mark.usefixtures("_hints_only")
async def test_an_append_of_another_process_is_heard(place: PostgresURL, log: PostgresLog) -> None:
    async with opened(other := log_at(place)):
        await asyncio.gather(listening(log), listening(other))
        waiting = asyncio.ensure_future(log.wait(0, timeout_seconds=FOREVER_SECONDS))
        await asyncio.sleep(0)
        await appended(other, append())
        assert await waiting == 1


@pytest.mark.usefixtures("_hints_only")
async def test_an_append_of_this_process_is_signalled_without_asking_the_server(log: PostgresLog) -> None:
    await listening(log)
    waiting = asyncio.ensure_future(log.wait(0, timeout_seconds=FOREVER_SECONDS))
    await asyncio.sleep(0)
    await appended(log, append())
    assert await waiting == 1
    async with log._reads.connection():
        pass
    await log._reads.close()
    assert await log.wait(0, timeout_seconds=FOREVER_SECONDS) == 1


async def test_whoever_waits_looks_for_himself_when_no_hint_comes(
    log: PostgresLog, beside: Outsider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "POLL_SECONDS", 0.01)
    await listening(log)
    waiting = asyncio.ensure_future(log.wait(0, timeout_seconds=FOREVER_SECONDS))
    await beside.execute("select append_one('a-1', null, 'T', 1, '', '', '{}', null, null)")
    assert await waiting == 1


@pytest.mark.usefixtures("_hints_only")
async def test_a_listener_that_is_cut_off_listens_again(
    place: PostgresURL, log: PostgresLog, beside: Outsider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(news, "POLL_UNHEARD_SECONDS", FOREVER_SECONDS)
    await listening(log)
    async with opened(other := log_at(place)):
        await listening(other)
        waiting = asyncio.ensure_future(log.wait(0, timeout_seconds=FOREVER_SECONDS))
        ended = await beside.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = $1",
            f"twofold listen {place.schema}",
        )
        assert ended == 2
        await appended(other, append())
        assert await waiting == 1, "it looks as soon as it listens again"


async def test_a_notification_speaks_for_all_appends_of_a_while(
    place: PostgresURL, log: PostgresLog, beside: Outsider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "PAUSE_SECONDS", FOREVER_SECONDS)
    heard: asyncio.Queue[object] = asyncio.Queue()
    await beside.add_listener(f"twofold {place.schema}", lambda *said: heard.put_nowait(said[3]))
    await listening(log)
    await appended(log, append())
    assert await heard.get() == "1"
    for _ in range(100):
        await appended(log, append())
    await beside.execute("select pg_notify($1, 'nothing before this')", f"twofold {place.schema}")
    assert await heard.get() == "nothing before this"


@pytest.mark.usefixtures("_hints_only")
async def test_a_schema_with_the_longest_name_is_heard_of_too(place: PostgresURL, beside: Outsider) -> None:
    long = PostgresURL(place.dsn, schema="ö" * 31)
    async with opened(here := log_at(long), there := log_at(long)):
        await asyncio.gather(listening(here), listening(there))
        waiting = asyncio.ensure_future(here.wait(0, timeout_seconds=FOREVER_SECONDS))
        await asyncio.sleep(0)
        await appended(there, append())
        assert await waiting == 1
    await beside.execute(f'drop schema "{long.schema}" cascade')


async def test_a_log_that_is_opened_again_has_forgotten_nothing(place: PostgresURL) -> None:
    log = log_at(place)
    for times in range(1, 4):
        async with opened(log):
            await appended(log, append())
            assert await log.wait(times - 1, timeout_seconds=FOREVER_SECONDS) == times
