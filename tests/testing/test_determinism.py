"""Read models that share a checkpoint are folded twice, in two ways, and must come to the same rows."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from tests.projections.test_shapes import Customer, Order, OrderView, Renamed
from tests.testing.bank import GuestView, SeatTaken
from twofold.messages import Key, evolve
from twofold.projections import ReadModel, grouped
from twofold.testing import deterministic, on

ANN, BOB = SeatTaken(show="Lear", guest="Ann"), SeatTaken(show="Lear", guest="Bob")


def test_folds_of_events_alone_are_deterministic() -> None:
    deterministic(GuestView, given=[ANN, BOB, ANN])


def test_read_models_whose_rows_are_looked_up_go_along() -> None:
    history = [
        on("customer-c", Renamed(name="Bob")), on("order-1", Order(customer="c")), on("customer-c", Renamed(name="Rob")),
    ]  # fmt: skip
    deterministic(OrderView, given=history)
    deterministic(OrderView, Customer, given=history)


def test_the_one_of_a_group_that_is_not_is_named_with_both_rows() -> None:
    ticks = count(1)

    @grouped("shows")
    class Shows(ReadModel):
        show: Key[str]
        seats: int = 0

        @evolve
        def was_taken(self, event: SeatTaken) -> None:
            self.seats += 1

    @grouped("shows")
    class Ticks(ReadModel):
        show: Key[str]
        tick: int = 0

        @evolve
        def was_taken(self, event: SeatTaken) -> None:
            self.tick = next(ticks)

    with pytest.raises(AssertionError) as failure:
        deterministic(Shows, Ticks, given=[ANN])
    assert str(failure.value).splitlines() == [
        "ticks folds the same events to other rows each time:",
        "  Ticks(",
        "      show='Lear',",
        "-     tick=1,",
        "+     tick=2,",
        "  )",
    ]


def test_what_a_database_would_not_keep_may_not_matter() -> None:
    class Loose(ReadModel):
        show: Key[str]
        pair: dict[str, Any] = {}
        kind: str = ""

        @evolve
        def was_taken(self, event: SeatTaken) -> None:
            self.kind = type(self.pair.get("guests")).__name__
            self.pair = {"guests": ("Ann", "Bob")}

    with pytest.raises(AssertionError, match="loose folds the same events to other rows each time"):
        deterministic(Loose, given=[ANN, BOB])
