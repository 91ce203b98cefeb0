"""Given/then for read models."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

import pytest

from tests.testing.bank import Account, AccountOpened, AccountView, GuestView, PaidIn, SeatTaken
from twofold.errors import FoldError
from twofold.messages import Key, evolve
from twofold.projections import ReadModel
from twofold.testing import given, on, project
from twofold.testing.history import RECORDED_AT

TEN = Decimal(10)


def test_a_history_folds_to_rows() -> None:
    given(GuestView, SeatTaken(show="Lear", guest="Ann")).when(SeatTaken(show="Hamlet", guest="Ann")).then(
        GuestView(guest="Ann", seats=2)
    )


def test_rows_are_compared_in_whatever_order() -> None:
    given(GuestView, SeatTaken(show="Lear", guest="Ann"), SeatTaken(show="Lear", guest="Bob")).then(
        GuestView(guest="Bob", seats=1), GuestView(guest="Ann", seats=1)
    )


def test_a_row_by_stream_is_keyed_by_the_stream_it_is_on() -> None:
    given(AccountView, on("account-a-1", AccountOpened(), PaidIn(amount=TEN)), on("account-a-2", AccountOpened())).then(
        AccountView(account_id="a-1", balance=TEN, last_at=RECORDED_AT), AccountView(account_id="a-2")
    )


def test_project_gives_the_rows_themselves() -> None:
    rows = project(GuestView, SeatTaken(show="Lear", guest="Bob"), SeatTaken(show="Lear", guest="Ann"))
    assert [row.guest for row in rows] == ["Bob", "Ann"]


def test_events_that_a_read_model_does_not_fold_are_passed_over() -> None:
    given(GuestView, AccountOpened()).then_nothing()


def test_other_rows_are_shown_beside_the_expected_ones() -> None:
    story = given(GuestView, SeatTaken(show="Lear", guest="Ann"))
    with pytest.raises(AssertionError) as failure:
        story.then(GuestView(guest="Ann", seats=2))
    assert str(failure.value).splitlines() == [
        "guest_view has other rows:",
        "  GuestView(",
        "      guest='Ann',",
        "-     seats=2,",
        "+     seats=1,",
        "  )",
    ]


def test_a_missing_row_is_shown() -> None:
    with pytest.raises(AssertionError, match="- GuestView"):
        given(GuestView).then(GuestView(guest="Ann"))


numbers = count()


class MoodyView(ReadModel):
    guest: Key[str]
    number: int = 0

    @evolve
    def took(self, event: SeatTaken) -> None:
        if self.number > 0:
            raise ValueError("enough")
        self.number = next(numbers)


def test_a_fold_that_is_not_deterministic_is_found() -> None:
    with pytest.raises(AssertionError, match="other rows each time"):
        project(MoodyView, SeatTaken(show="Lear", guest="Ann"))


def test_a_fold_that_raises_says_which_event_it_could_not_take() -> None:
    next(numbers)
    with pytest.raises(FoldError, match="moody_view cannot take SeatTaken at position 2"):
        project(MoodyView, SeatTaken(show="Lear", guest="Ann"), SeatTaken(show="Lear", guest="Ann"))


def test_an_aggregate_is_no_read_model() -> None:
    assert not hasattr(given(Account), "rows")
