"""The connection breaks in the middle of an append: the outcome is said to be unknown, and the same id tells it."""

from __future__ import annotations

import pytest

from tests.co_op import FamilyEnrolled, co_op, enroll
from tests.stories.appending import opened_log
from tests.stories.wire import Cut, Wire
from twofold.errors import OutcomeUnknownError
from twofold.store.port import Append, Appended, NewEvent

MARK = b"cut here"


def one(number: int) -> Append:
    """An append that expects what is true only the first time."""
    events = (NewEvent("family-1", "Enrolled", 1, b'"cut here"', b"{}"),) * 2
    return Append(events, {"family-1": 2 * (number - 1)}, key=f"k{number}", digest=b"body")


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_an_append_whose_answer_was_lost_is_unknown_until_the_same_key_asks_again(
    postgres_url: str, cut: Cut
) -> None:
    wire = Wire(MARK)
    async with wire.to(postgres_url) as url, opened_log(url) as log:
        for number in (1, 2, 3):
            wire.cut_at = cut
            with pytest.raises(OutcomeUnknownError):
                await log.append([one(number)])
            answer = Appended(2 * number - 1, 2 * number, {"family-1": 2 * number}, replayed=cut == "after")
            assert await log.append([one(number)]) == [answer]
        assert wire.cuts == 3
        assert (await log.head()).position == 6


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_whoever_sends_a_command_does_not_notice(postgres_url: str, cut: Cut) -> None:
    wire = Wire(MARK)
    async with wire.to(postgres_url) as url, co_op(url) as app:
        wire.cut_at = cut
        receipt = await app.send(enroll("1", "cut here"))
        assert wire.cuts == 1
        assert (receipt.first, receipt.position, receipt.versions) == (1, 1, {"family-1": 1})
        assert [type(recorded.event) async for recorded in app.events()] == [FamilyEnrolled]
