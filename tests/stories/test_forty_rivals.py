"""Forty processes race for ten seats: never more, never fewer, and everybody is told the truth."""

from __future__ import annotations

import asyncio

import pytest

from tests.stories.processes import together
from tests.stories.theatre import SEATS, SeatTaken, take_seat, theatre
from twofold import App, Criteria

RIVALS = 40


@pytest.mark.timeout(600)
@pytest.mark.parametrize("through_two_tags", [False, True], ids=["directly", "through two tags"])
async def test_a_boundary_is_never_violated(store: str, through_two_tags: bool, campaign: bool) -> None:
    async with theatre(store) as app:
        for race in range(20 if campaign else 1):
            show = f"show {race}"
            got = await asyncio.to_thread(together, RIVALS, take_seat, store, show, through_two_tags)
            assert sum(got) == SEATS
            assert await seated(app, show) == [guest for guest, seat in enumerate(got) if seat]


async def seated(app: App, show: str) -> list[int]:
    """Who has a seat, as the log says."""
    events = [recorded.event async for recorded in app.events(criteria=Criteria.of(tags=[f"show={show}"]))]
    return sorted(event.guest for event in events if isinstance(event, SeatTaken))
