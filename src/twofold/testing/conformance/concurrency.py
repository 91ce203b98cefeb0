"""Several writers and a reader that tails them, over several connections: one order, nothing skipped, one winner."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from twofold.store.criteria import Criteria
from twofold.store.port import Append, Appended, EventStore, Row
from twofold.testing.conformance.opened import Logs, OnOneLog, append, event, events, opened, provided, whole

WRITERS, BATCHES = 6, 15


async def written(log: EventStore, writer: int) -> None:
    """Batches of appends of several events over an own stream and a shared one."""
    for _ in range(BATCHES):
        one = Append((event(f"own-{writer}"), event("shared-1"), event(f"own-{writer}")))
        assert all(isinstance(verdict, Appended) for verdict in await log.append([one, one]))


async def tailed(log: EventStore, last: int) -> list[Row]:
    """What a reader sees that follows the log until that position, page by page as it grows."""
    rows: list[Row] = []
    reached = 0
    while reached < last:
        await log.wait(reached, timeout_seconds=1.0)
        page = await log.read(after=reached, count_max=7)
        assert page.reached >= reached
        reached = page.reached
        rows += page.rows
    return rows


class Concurrency(OnOneLog):
    async def test_a_reader_that_tails_many_writers_skips_nothing(self, logs: Logs) -> None:
        async with AsyncExitStack() as stack:
            opens = [await stack.enter_async_context(opened(logs("shared"))) for _ in range(3)]
            last = WRITERS * BATCHES * 6
            reading = asyncio.ensure_future(tailed(opens[0], last))
            await asyncio.gather(*(written(opens[writer % 3], writer) for writer in range(WRITERS)))
            rows = await asyncio.wait_for(reading, 60)
            assert [row[0] for row in rows] == list(range(1, last + 1))
            assert rows == await whole(opens[1])
            for stream in {row[1] for row in rows}:
                of_stream = [row[2] for row in rows if row[1] == stream]
                assert of_stream == list(range(1, len(of_stream) + 1))

    async def test_the_events_of_one_append_stand_together(self, logs: Logs) -> None:
        async with opened(logs("shared")) as one, opened(logs("shared")) as other:
            await asyncio.gather(
                *(log.append([Append(events(f"x-{n}", 3))]) for n, log in enumerate([one, other] * 10))
            )
            streams = [row[1] for row in await whole(one)]
            assert all(len(set(streams[at : at + 3])) == 1 for at in range(0, 60, 3))

    async def test_of_rivals_that_expect_one_version_exactly_one_wins(self, logs: Logs) -> None:
        async with opened(logs("shared")) as one, opened(logs("shared")) as other:
            for version in range(10):
                rivals = [log.append([append(event("x-1"), x_1=version)]) for log in (one, other, one, other)]
                verdicts = [verdict for (verdict,) in await asyncio.gather(*rivals)]
                assert sum(isinstance(verdict, Appended) for verdict in verdicts) == 1

    async def test_of_rivals_on_one_condition_exactly_one_wins(self, logs: Logs) -> None:
        async with opened(logs("shared")) as one, opened(logs("shared")) as other:
            for turn in range(10):
                none = Criteria.of(tags=[f"turn={turn}", "seat=1"])
                rivals = [
                    log.append([provided(event(f"x-{rival}", "Taken", "seat=1", f"turn={turn}"), none=none, after=0)])
                    for rival, log in enumerate((one, other, one, other))
                ]
                verdicts = [verdict for (verdict,) in await asyncio.gather(*rivals)]
                assert sum(isinstance(verdict, Appended) for verdict in verdicts) == 1

    async def test_of_repetitions_of_one_key_exactly_one_writes(self, logs: Logs) -> None:
        async with opened(logs("shared")) as one, opened(logs("shared")) as other:
            for turn in range(10):
                same = append(event("x-1"), event("x-2"), key=f"k{turn}")
                verdicts = await asyncio.gather(*(log.append([same]) for log in (one, other, one, other)))
                answers = [verdict for (verdict,) in verdicts if isinstance(verdict, Appended)]
                assert len(answers) == 4
                assert sum(not answer.replayed for answer in answers) == 1
                assert {(answer.first, answer.last) for answer in answers} == {(2 * turn + 1, 2 * turn + 2)}

    async def test_the_head_never_runs_ahead_of_what_can_be_read(self, logs: Logs) -> None:
        async with opened(logs("shared")) as here, opened(logs("shared")) as elsewhere:
            writing = asyncio.ensure_future(written(elsewhere, 1))
            seen = 0
            while not writing.done() or seen < BATCHES * 6:
                head = (await here.head()).position
                page = await here.read(after=seen)
                assert [row[0] for row in page.rows] == list(range(seen + 1, page.reached + 1))
                assert page.reached >= head >= seen
                seen = page.reached
                await asyncio.sleep(0)  # A log in memory never waits by itself.
            await writing
