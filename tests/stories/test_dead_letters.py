"""Dead letters through the app: a poison event stops one key, and its letters are taken beside whoever runs the read model."""

from __future__ import annotations

import pytest

from tests.stories.worker import CANNOT_TAKE, Count, Counted, Counter, CounterView
from twofold import App, BehindError, Indexed, Key, ReadModel, evolve, stored_as
from twofold.subscriptions import SubscriptionStatus
from twofold.sync import sync
from twofold.testing.app import InMemoryApp

POISONED = [("a", 1), ("b", 2), ("a", 666), ("a", 4), ("b", 5)]


def counting(url: str, *, background: bool = True, parked_max: int = 100) -> App:
    return App(Counter, CounterView, store=url, background=background, parked_max=parked_max)


async def poison(app: App) -> None:
    for counter, number in POISONED:
        await app.send(Count(counter=counter, number=number))


async def totals(app: App) -> dict[str, int]:
    found = await app.reads.query("select counter, total from counter_view", {})
    return {str(counter): int(total) for counter, total in found.rows}


async def status_of(app: App) -> SubscriptionStatus:
    (status,) = await app.status()
    return status


async def test_a_key_is_parked_and_taken_again_while_the_app_runs(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with counting(store) as app:
        await poison(app)
        await app.settle()
        assert ((await status_of(app)).state, (await status_of(app)).parked) == ("running", 1)
        assert await totals(app) == {"a": 1, "b": 7}

        monkeypatch.setattr("tests.stories.worker.CANNOT_TAKE", set())
        (parked,) = await app.dead_letters.parked()
        assert [each.position for each in await app.dead_letters.letters(parked)] == [3, 4]
        assert (await app.dead_letters.retry(parked)).unparked
        assert (await status_of(app)).parked == 0

        await app.send(Count(counter="a", number=7))
        await app.settle()
        assert await totals(app) == {"a": 678, "b": 7}


async def test_another_process_sees_how_many_are_parked(store: str) -> None:
    async with counting(store) as app:
        await poison(app)
        await app.settle()
    async with counting(store, background=False) as other:
        assert ((await status_of(other)).state, (await status_of(other)).parked) == ("unattended", 1)


async def test_without_room_for_parked_keys_the_read_model_stops(store: str) -> None:
    async with counting(store, background=False, parked_max=0) as app:
        await poison(app)
        with pytest.raises(BehindError, match="counter_view cannot take Counted at position 3"):
            await app.settle()
        assert ((await status_of(app)).state, (await status_of(app)).parked) == ("stopped", 0)


async def test_one_key_too_many_stops_it_with_the_number_in_its_status(store: str) -> None:
    async with counting(store, background=False, parked_max=1) as app:
        await poison(app)
        await app.send(Count(counter="b", number=666))
        with pytest.raises(BehindError):
            await app.settle()
        stopped = await status_of(app)
        assert (stopped.state, stopped.position, stopped.parked) == ("stopped", 5, 1)
        assert "It has 1 parked keys" in str(stopped.error)


def test_a_script_retries_without_await(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with sync(counting(store)) as app:
        for counter, number in POISONED:
            app.send(Count(counter=counter, number=number))
        app.settle()
        (parked,) = app.dead_letters.parked("counter_view")
        assert [each.position for each in app.dead_letters.letters(parked)] == [3, 4]
        assert app.dead_letters.retry(parked).error is not None
        assert app.dead_letters.retry(parked, skip_reason="a test").unparked
        assert app.dead_letters.parked() == []


async def test_in_memory_it_stops_at_once_unless_told_otherwise() -> None:
    assert CANNOT_TAKE
    async with InMemoryApp(counting("sqlite://")) as app:
        await poison(app)
        with pytest.raises(BehindError, match="cannot take Counted"):
            await app.settle()
    async with InMemoryApp(counting("sqlite://"), parked_max=1) as app:
        await poison(app)
        await app.settle()
        assert (await status_of(app)).parked == 1


@stored_as("counter_view")
class Changed(ReadModel):
    """The same read model by other code, which cannot take the event either."""

    counter: Key[str]
    total: Indexed[int] = 0

    @evolve
    def counted(self, event: Counted) -> None:
        if event.number == 666:
            raise ValueError("still no number for me")
        self.total = self.total + event.number


async def test_what_was_skipped_stays_left_out_when_other_code_builds_it_anew(store: str) -> None:
    async with counting(store) as app:
        await poison(app)
        await app.settle()
        (parked,) = await app.dead_letters.parked()
        assert (await app.dead_letters.retry(parked, skip_reason="a typing error")).unparked
    async with App(Counter, Changed, store=store, parked_max=0) as app:
        await app.builds_done()
        await app.settle()
        assert (await status_of(app)).state == "running"
        assert await totals(app) == {"a": 5, "b": 7}
