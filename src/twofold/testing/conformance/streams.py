"""Reading one stream, upwards and downwards."""

from __future__ import annotations

import pytest

from twofold.store.port import EventStore, Page
from twofold.testing.conformance.opened import OnOneLog, event, events, filled, told


def at(page: Page) -> list[int]:
    """The versions in a page."""
    return [row[2] for row in page.rows]


class ReadingStreams(OnOneLog):
    async def test_a_stream_holds_its_own_events_in_order(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 2), event("x-10"), event("x-A"), event("x-a"), event("x-1"))
        page = await log.read_stream("x-1")
        assert [row[:3] for row in map(tuple, page.rows)] == [(1, "x-1", 1), (2, "x-1", 2), (6, "x-1", 3)]
        assert (page.reached, page.full) == (3, False)

    async def test_a_stream_that_nobody_wrote_to_is_empty(self, log: EventStore) -> None:
        await filled(log, event("x-1"))
        assert told(await log.read_stream("x-2")) == ([], 0, False)
        assert at(await log.read_stream("x-2", backwards=True)) == []

    @pytest.mark.parametrize("backwards", [False, True])
    @pytest.mark.parametrize(
        ("after", "until", "found"),
        [
            (0, None, [1, 2, 3, 4, 5]),
            (2, None, [3, 4, 5]),
            (0, 3, [1, 2, 3]),
            (1, 4, [2, 3, 4]),
            (0, 99, [1, 2, 3, 4, 5]),
            (5, None, []),
            (9, None, []),
            (3, 3, []),
            (4, 2, []),
            (0, 0, []),
        ],
    )
    async def test_both_ends_of_the_range_are_kept(
        self, log: EventStore, after: int, until: int | None, found: list[int], backwards: bool
    ) -> None:
        await filled(log, *events("x-1", 5), event("y-1"))
        page = await log.read_stream("x-1", after=after, until=until, backwards=backwards)
        assert at(page) == (found[::-1] if backwards else found)
        assert not page.full

    @pytest.mark.parametrize("count_max", [1, 2, 3, 5])
    async def test_pages_upwards_put_together_are_the_stream(self, log: EventStore, count_max: int) -> None:
        await filled(log, *(event(f"x-{number % 2}") for number in range(10)))
        collected, page = list[int](), Page([], 0, True)
        while page.full:
            page = await log.read_stream("x-1", after=page.reached, count_max=count_max)
            assert len(page.rows) <= count_max
            collected += at(page)
        assert collected == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("count_max", [1, 2, 3, 5])
    async def test_pages_downwards_put_together_are_the_stream(self, log: EventStore, count_max: int) -> None:
        await filled(log, *events("x-1", 5))
        collected, page = list[int](), Page([], 6, True)
        while page.full and page.reached > 1:
            page = await log.read_stream("x-1", until=page.reached - 1, backwards=True, count_max=count_max)
            assert page.reached == page.rows[-1][2]
            collected += at(page)
        assert collected == [5, 4, 3, 2, 1]

    async def test_the_last_event_of_a_stream_is_one_page_of_one(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 5))
        assert at(await log.read_stream("x-1", backwards=True, count_max=1)) == [5]

    @pytest.mark.parametrize("backwards", [False, True])
    async def test_a_page_of_a_stream_ends_at_its_bytes_but_holds_one_event_at_least(
        self, log: EventStore, backwards: bool
    ) -> None:
        kilo = b'"%s"' % (b"x" * 998)
        await filled(log, *(event("x-1", data=kilo) for _ in range(6)))
        page = await log.read_stream("x-1", backwards=backwards, bytes_max=3500)
        assert page.full
        assert 1 <= len(page.rows) <= 3
        assert page.reached == page.rows[-1][2]
        assert len((await log.read_stream("x-1", backwards=backwards, bytes_max=10)).rows) == 1
