"""Given/when/then on a small domain: what it accepts, what it refuses, and what its failures say."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Annotated, Any

import pytest
from msgspec import Meta

from tests.testing.bank import (
    Account,
    AccountOpened,
    OpenAccount,
    PaidIn,
    PaidOut,
    PayIn,
    Seats,
    SeatTaken,
    TakeSeat,
    Transfer,
    transfer,
)
from twofold.deciders import Aggregate, decide
from twofold.errors import DefinitionError, InvalidInputError, Rejected, UnknownMessageError
from twofold.messages import Command, Event, Key, evolve
from twofold.testing import given, on

TEN = Decimal(10)


def test_a_decision_gives_events() -> None:
    given(Account, AccountOpened()).when(PayIn(account_id="a-1", amount=TEN)).then(PaidIn(amount=TEN))


def test_a_decision_may_give_nothing() -> None:
    given(Account, AccountOpened()).when(OpenAccount(account_id="a-1")).then_nothing()


def test_a_decision_may_refuse_with_its_facts() -> None:
    given(Account).when(PayIn(account_id="a-1", amount=TEN)).then_rejected("not-open", account="a-1")


def test_a_command_may_be_invalid_before_anybody_decides_on_it() -> None:
    given(Account).when(PayIn(account_id="", amount=TEN)).then_invalid("account_id")


def test_an_id_that_is_no_stream_makes_a_command_invalid() -> None:
    given(Account).when(PayIn(account_id="a/1", amount=TEN)).then_invalid("stream")


def test_two_roles_may_be_about_the_same_one() -> None:
    moving = Transfer(source_id="a-1", target_id="a-1", amount=TEN)
    story = given(transfer, source=[PaidIn(amount=TEN)]).when(moving).then(PaidOut(amount=TEN), PaidIn(amount=TEN))
    story.when(moving).then(PaidOut(amount=TEN), PaidIn(amount=TEN))


def test_a_story_goes_on_with_what_came_of_it() -> None:
    paying = PayIn(account_id="a-1", amount=TEN)
    story = given(Account).when(paying).then_rejected("not-open")
    story = story.when(OpenAccount(account_id="a-1")).then(AccountOpened())
    story.when(paying).then(PaidIn(amount=TEN))


def test_events_are_about_the_one_that_the_first_command_names() -> None:
    story = given(Account, AccountOpened()).when(OpenAccount(account_id="a-1")).then_nothing()
    story.when(OpenAccount(account_id="a-2")).then(AccountOpened())


def test_events_of_another_stream_are_not_seen() -> None:
    given(Account, on("account-a-2", AccountOpened())).when(PayIn(account_id="a-1", amount=TEN)).then_rejected(
        "not-open"
    )


def test_a_decision_over_several_streams_names_each_by_its_role() -> None:
    moving = Transfer(source_id="a-1", target_id="a-2", amount=TEN)
    story = given(transfer, source=[PaidIn(amount=TEN)])
    outcome = story.when(moving)
    outcome.then(PaidOut(amount=TEN), PaidIn(amount=TEN))
    outcome.then(source=[PaidOut(amount=TEN)], target=[PaidIn(amount=TEN)])
    outcome.then(target=[PaidIn(amount=TEN)]).when(moving).then_rejected("not-covered", balance=Decimal(0))


def test_a_role_that_is_not_there_is_named() -> None:
    with pytest.raises(TypeError, match="transfer decides over source, target, not over sauce"):
        given(transfer, sauce=[PaidIn(amount=TEN)])


def test_a_boundary_sees_only_what_its_criteria_match() -> None:
    taken = [SeatTaken(show="Hamlet", guest="Ann"), SeatTaken(show="Lear", guest="Ann")]
    story = given(Seats, *taken).when(TakeSeat(show="Hamlet", guest="Bob")).then(SeatTaken(show="Hamlet", guest="Bob"))
    story.when(TakeSeat(show="Hamlet", guest="Cid")).then_rejected("sold-out", taken=2)
    story.when(TakeSeat(show="Lear", guest="Cid")).then(SeatTaken(show="Lear", guest="Cid"))


def test_a_command_of_somebody_else_is_a_mistake_of_the_test() -> None:
    with pytest.raises(UnknownMessageError, match="Unknown command: TakeSeat"):
        given(Account).when(TakeSeat(show="Lear", guest="Ann"))


def test_an_event_that_the_log_would_not_take_is_a_mistake_of_the_test() -> None:
    with pytest.raises(InvalidInputError):
        given(Account, PaidIn(amount=Decimal("NaN"))).when(OpenAccount(account_id="a-1"))


class TestFailures:
    """A specification that does not hold says what came instead."""

    def told(self, failing: Any, *given: Any, **named: Any) -> str:
        with pytest.raises(AssertionError) as failure:
            failing(*given, **named)
        return str(failure.value)

    def test_another_value_is_shown_beside_the_expected_one(self) -> None:
        outcome = given(Account, AccountOpened()).when(PayIn(account_id="a-1", amount=TEN))
        assert self.told(outcome.then, PaidIn(amount=Decimal(9))).splitlines() == [
            "Something else is decided:",
            "  PaidIn(",
            "-     amount=Decimal('9'),",
            "+     amount=Decimal('10'),",
            "  )",
        ]

    def test_a_missing_and_a_surplus_event_are_shown(self) -> None:
        outcome = given(Account, AccountOpened()).when(PayIn(account_id="a-1", amount=TEN))
        assert "- AccountOpened()" in self.told(outcome.then, AccountOpened(), PaidIn(amount=TEN))
        assert "+ PaidIn(" in self.told(outcome.then_nothing)

    def test_the_right_values_in_the_wrong_type_are_not_right(self) -> None:
        outcome = given(Account, AccountOpened()).when(PayIn(account_id="a-1", amount=TEN))
        assert "PaidOut" in self.told(outcome.then, PaidOut(amount=TEN))

    def test_an_event_for_the_wrong_role_is_shown_with_the_role(self) -> None:
        outcome = given(transfer, source=[PaidIn(amount=TEN)]).when(
            Transfer(source_id="a-1", target_id="a-2", amount=TEN)
        )
        assert "for source" in self.told(outcome.then, source=[PaidIn(amount=TEN)])

    def test_a_refusal_where_events_were_expected_is_told_with_its_reason(self) -> None:
        outcome = given(Account).when(PayIn(account_id="a-1", amount=TEN))
        assert "it is refused: not-open" in self.told(outcome.then, PaidIn(amount=TEN))
        assert "it is refused: not-open" in self.told(outcome.then_invalid, "amount")

    def test_events_where_a_refusal_was_expected_are_told(self) -> None:
        outcome = given(Account, AccountOpened()).when(PayIn(account_id="a-1", amount=TEN))
        assert "this is decided:\n  PaidIn(" in self.told(outcome.then_rejected, "not-open")

    def test_another_code_and_another_fact_are_told(self) -> None:
        outcome = given(Account).when(PayIn(account_id="a-1", amount=TEN))
        assert "+ 'not-open'" in self.told(outcome.then_rejected, "closed")
        assert "'a-1'" in self.told(outcome.then_rejected, "not-open", account="a-2")

    def test_another_invalid_field_is_told(self) -> None:
        outcome = given(Account).when(PayIn(account_id="", amount=TEN))
        assert "invalid in its account_id, not in its amount" in self.told(outcome.then_invalid, "amount")


class Bump(Command):
    name: str


class Bumped(Event):
    number: int


class Careless(Aggregate):
    """Changes itself while deciding."""

    name: Key[str]
    number: int = 0

    @decide
    def bump(self, command: Bump) -> Bumped:
        self.number += 1
        return Bumped(number=self.number)


numbers = count()


class Moody(Aggregate):
    """Folds the same event to another state each time."""

    name: Key[str]
    number: int = 0

    @decide
    def bump(self, command: Bump) -> None:
        raise Rejected("never", "never")

    @evolve
    def was_bumped(self, event: Bumped) -> None:
        self.number = next(numbers)


@pytest.mark.parametrize("decider", [Careless, Moody])
def test_what_is_not_pure_is_found(decider: type[Aggregate]) -> None:
    with pytest.raises(AssertionError, match="changes the state, or a fold is not deterministic"):
        given(decider, Bumped(number=1)).when(Bump(name="x"))


class Crooked(Command):
    name: str
    amount: Annotated[Decimal, Meta(gt=0)]  # msgspec has no bounds for decimals.


class Bent(Aggregate):
    name: Key[str]

    @decide
    def bend(self, command: Crooked) -> None:
        return None


def test_a_command_that_cannot_be_read_is_a_mistake_of_its_definition() -> None:
    with pytest.raises(DefinitionError, match="The fields of Crooked cannot be JSON"):
        given(Bent)
