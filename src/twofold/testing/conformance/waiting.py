"""Waiting for news: woken by an append wherever it was made, and back in time when nothing comes."""

from __future__ import annotations

import asyncio

from twofold.store.port import EventStore
from twofold.testing.conformance.opened import Logs, OnOneLog, event, events, filled, opened

LONG_SECONDS = 60.0
"""Longer than any test waits: whoever is not woken fails by the suite's own limit."""

WOKEN_SECONDS = 20.0


class Waiting(OnOneLog):
    async def test_whoever_is_behind_does_not_wait(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 3))
        assert await log.wait(0, timeout_seconds=LONG_SECONDS) == 3
        assert await log.wait(2, timeout_seconds=LONG_SECONDS) == 3

    async def test_whoever_waits_in_vain_gets_the_head_when_the_time_is_over(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 3))
        assert await log.wait(3, timeout_seconds=0.05) == 3
        assert await log.wait(9, timeout_seconds=0) == 3

    async def test_an_append_wakes_whoever_waits(self, log: EventStore) -> None:
        waiting = [asyncio.ensure_future(log.wait(0, timeout_seconds=LONG_SECONDS)) for _ in range(3)]
        await asyncio.sleep(0)
        await filled(log, *events("x-1", 2))
        assert await asyncio.wait_for(asyncio.gather(*waiting), WOKEN_SECONDS) == [2, 2, 2]

    async def test_an_append_from_elsewhere_wakes_whoever_waits(self, logs: Logs) -> None:
        async with opened(logs("shared")) as here, opened(logs("shared")) as elsewhere:
            waiting = asyncio.ensure_future(here.wait(0, timeout_seconds=LONG_SECONDS))
            await asyncio.sleep(0)
            await filled(elsewhere, event("x-1"))
            assert await asyncio.wait_for(waiting, WOKEN_SECONDS) == 1

    async def test_who_is_woken_too_early_waits_on(self, log: EventStore) -> None:
        waiting = asyncio.ensure_future(log.wait(2, timeout_seconds=LONG_SECONDS))
        for _ in range(3):
            await asyncio.sleep(0)
            await filled(log, event("x-1"))
        assert await asyncio.wait_for(waiting, WOKEN_SECONDS) == 3

    async def test_a_wait_can_be_given_up(self, log: EventStore) -> None:
        waiting = asyncio.ensure_future(log.wait(0, timeout_seconds=LONG_SECONDS))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert (await filled(log, event("x-1"))).last == 1
