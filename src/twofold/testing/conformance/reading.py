"""Reading the log in order of position: criteria, categories, pages, and how far a page speaks."""

from __future__ import annotations

import pytest

from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.port import EventStore, Page, Share
from twofold.testing.conformance.conditions import FILLED, SHAPES
from twofold.testing.conformance.opened import OnOneLog, event, events, filled, told

RARE = Criteria.of(types=["Rare"])


async def pages(log: EventStore, criteria: Criteria, share: Share) -> list[Page]:
    """A share of the log, three events at a time: each goes on where the one before has reached."""
    found = [await log.read(criteria=criteria, share=share, count_max=3)]
    while found[-1].full:
        after = found[-1].reached
        found.append(await log.read(after=after, criteria=criteria, share=share, count_max=3))
        assert found[-1].reached > after
    return found


def at(page: Page) -> list[int]:
    """The positions in a page."""
    return [row[0] for row in page.rows]


class Reading(OnOneLog):
    @pytest.mark.parametrize("criteria", [shape for shape, _ in SHAPES], ids=str)
    async def test_criteria_of_any_shape_find_what_matches_each_once_and_in_order(
        self, log: EventStore, criteria: Criteria
    ) -> None:
        await filled(log, *FILLED)
        matching = [at for at, one in enumerate(FILLED, start=1) if criteria.matches(one.type, one.tags)]
        for after in range(7):
            page = await log.read(after=after, criteria=criteria)
            assert at(page) == [position for position in matching if position > after]
            assert (page.reached, page.full) == (max(after, 5), False)

    async def test_a_page_goes_on_after_the_position_given(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 5))
        assert at(await log.read(after=0)) == [1, 2, 3, 4, 5]
        assert at(await log.read(after=3)) == [4, 5]
        assert at(await log.read(after=5)) == []

    async def test_a_page_never_reaches_back_behind_where_it_began(self, log: EventStore) -> None:
        assert told(await log.read(after=7)) == ([], 7, False)

    async def test_a_category_is_what_stands_before_the_first_dash(self, log: EventStore) -> None:
        await filled(log, event("a-1"), event("ab-1"), event("a-b-1"), event("b-a-1"), event("a-1"))
        assert at(await log.read(category="a")) == [1, 3, 5]
        assert at(await log.read(category="a", after=1, count_max=1)) == [3]
        assert at(await log.read(category="b")) == [4]
        assert at(await log.read(category="c")) == []

    async def test_a_category_is_taken_literally(self, log: EventStore) -> None:
        await filled(log, event("a_b-1"), event("axb-1"), event("a-1"))
        assert at(await log.read(category="a_b")) == [1]
        assert at(await log.read(category="a%")) == []

    async def test_criteria_and_category_both_count(self, log: EventStore) -> None:
        await filled(log, event("a-1", "A"), event("b-1", "A"), event("a-1", "B", "t=1"), event("b-1", "B", "t=1"))
        assert at(await log.read(category="a", criteria=Criteria.of(types=["A"]))) == [1]
        assert at(await log.read(category="b", criteria=Criteria.of(tags=["t=1"]))) == [4]
        assert at(await log.read(category="a", criteria=Criteria.of(types=["C"]))) == []

    @pytest.mark.parametrize("criteria", [EVERYTHING, RARE], ids=str)
    @pytest.mark.parametrize("count", [1, 2, 3])
    async def test_every_event_is_in_one_share_and_streams_of_one_key_are_in_the_same(
        self, log: EventStore, criteria: Criteria, count: int
    ) -> None:
        streams = ["x-1", "long_name-1", "x-22", "y-22", "x-a:b", "x-12", "y-~", "x-321"]
        types = ["Rare", "Common", "Rare"]
        await filled(log, *(event(stream, type) for type in types for stream in streams))
        shares = [Share(place, count) for place in range(count)]
        found = [[row for page in await pages(log, criteria, each) for row in page.rows] for each in shares]
        whole = (await log.read(criteria=criteria)).rows
        assert sorted(row[0] for rows in found for row in rows) == [row[0] for row in whole]
        keys = [{row[1].partition("-")[2] for row in rows} for rows in found]
        assert sum(map(len, keys)) == len(set().union(*keys))
        assert all(share.has(row[1]) for share, rows in zip(shares, found, strict=True) for row in rows)

    async def test_a_page_ends_at_its_count(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 5))
        page = await log.read(count_max=2)
        assert (at(page), page.reached, page.full) == ([1, 2], 2, True)
        page = await log.read(after=4, count_max=2)
        assert (at(page), page.reached, page.full) == ([5], 5, False)

    async def test_a_page_ends_at_its_bytes_but_holds_one_event_at_least(self, log: EventStore) -> None:
        kilo = b'"%s"' % (b"x" * 998)
        await filled(log, *(event("x-1", data=kilo) for _ in range(6)))
        page = await log.read(bytes_max=3500)
        assert page.full
        assert 1 <= len(page.rows) <= 3
        assert page.reached == len(page.rows)
        assert at(await log.read(after=2, bytes_max=10)) == [3]
        assert len((await log.read(bytes_max=100_000)).rows) == 6

    async def test_a_page_that_one_large_event_fills_says_that_more_is_there(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 3))
        for _ in range(3):  # Again, because a log may learn from its first page how large its events are.
            page = await log.read(bytes_max=1)
            assert (at(page), page.reached, page.full) == ([1], 1, True)
            assert (await log.read(after=2, bytes_max=1)).rows[0][0] == 3
            assert (await log.read_stream("x-1", bytes_max=1)).full
            assert (await log.read_stream("x-1", backwards=True, bytes_max=1)).full

    @pytest.mark.parametrize("criteria", [RARE, Criteria.of(tags=["t=1"]), RARE | Criteria.of(tags=["t=1"])], ids=str)
    async def test_a_page_cut_by_a_bound_does_not_speak_for_what_it_left_out(
        self, log: EventStore, criteria: Criteria
    ) -> None:
        """The trap: ten events match, two fit, and a reader that went on after the head would lose eight."""
        for _ in range(10):
            await filled(log, event("x-1"), event("x-1", "Rare", "t=1"), event("x-1"))
        page = await log.read(criteria=criteria, count_max=2)
        assert at(page) == [2, 5]
        assert page.full
        assert 5 <= page.reached < 8

    async def test_a_page_that_filters_to_nothing_speaks_for_the_whole_log(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 5))
        assert told(await log.read(criteria=RARE, count_max=1)) == ([], 5, False)
        assert told(await log.read(category="y", count_max=1)) == ([], 5, False)

    @pytest.mark.parametrize("criteria", [shape for shape, _ in SHAPES if shape != EVERYTHING], ids=str)
    @pytest.mark.parametrize("count_max", [1, 2])
    async def test_pages_put_together_are_the_whole(self, log: EventStore, criteria: Criteria, count_max: int) -> None:
        await filled(log, *FILLED, *FILLED)
        collected: list[int] = []
        page = Page([], 0, True)
        while page.full:
            page = await log.read(after=page.reached, criteria=criteria, count_max=count_max)
            collected += at(page)
        assert collected == at(await log.read(criteria=criteria))
