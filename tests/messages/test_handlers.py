"""Mistakes in handlers and deciders are found when the app is put together, and name file and line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.deciders.bank import Account, AccountOpened, Credited, Debited, Deposit, OpenAccount
from twofold.deciders import Aggregate, Boundary, decide, decides
from twofold.deciders.decision import by_command, decision_over, decisions_of, definition_of
from twofold.errors import DefinitionError
from twofold.messages import Event, Key, Recorded, evolve
from twofold.messages.handlers import evolvers


def test_a_union_folds_each_of_its_events_recorded_or_not() -> None:
    class Total(Aggregate):
        total_id: Key[str]

        @evolve
        def moved(self, event: Credited | Debited) -> None: ...

        @evolve
        def opened(self, recorded: Recorded[AccountOpened]) -> None: ...

    found = evolvers(Total)

    assert {event: handler.wants_recorded for event, handler in found.items()} == {
        Credited: False,
        Debited: False,
        AccountOpened: True,
    }


def test_a_subclass_may_replace_a_fold() -> None:
    class Louder(Account):
        @evolve
        def was_credited(self, event: Credited) -> None:
            self.balance += 2 * event.amount

    assert evolvers(Louder)[Credited].function is Louder.was_credited
    assert len(evolvers(Louder)) == len(evolvers(Account))


class NoAnnotation(Aggregate):
    its_id: Key[str]

    @evolve
    def was_credited(self, event) -> None: ...  # type: ignore[no-untyped-def]  # pyright: ignore[reportMissingParameterType]


class NoEvent(Aggregate):
    its_id: Key[str]

    @evolve
    def was_credited(self, event: int) -> None: ...


class TwoFolds(Aggregate):
    its_id: Key[str]

    @evolve
    def was_credited(self, event: Credited) -> None: ...

    @evolve
    def was_credited_too(self, event: Credited) -> None: ...


class NoKey(Aggregate):
    balance: int = 0


class TwoKeys(Aggregate):
    a: Key[str]
    b: Key[str]


class NoDefault(Aggregate):
    its_id: Key[str]
    balance: int


class NoFolds(Boundary):
    its_id: Key[str]


@pytest.mark.parametrize(
    ("cls", "fact"),
    [
        (NoAnnotation, "does not say which event it takes"),
        (NoEvent, "which is no Event"),
        (TwoFolds, "TwoFolds folds Credited twice"),
        (NoKey, "has no Key field"),
        (TwoKeys, "has 2 Key fields"),
        (NoDefault, "NoDefault.balance has no default"),
        (NoFolds, "NoFolds folds no event"),
    ],
)
def test_a_mistake_in_a_decider_names_its_place(cls: type, fact: str) -> None:
    with pytest.raises(DefinitionError, match=rf"{fact}.*\(test_handlers.py:\d+"):
        definition_of(cls)


def test_two_handlers_for_one_command_are_named_both() -> None:
    class Other(Aggregate):
        account_id: Key[str]

        @decide
        def also(self, command: Deposit) -> None: ...

    with pytest.raises(DefinitionError, match=r"Two handlers decide on Deposit \(bank.py:\d+, test_handlers.py:\d+\)"):
        by_command([*decisions_of(definition_of(Account)), *decisions_of(definition_of(Other))])


def test_a_command_must_say_which_one() -> None:
    class Lost(Aggregate):
        lost_id: Key[str]

        @decide
        def handle(self, command: Deposit) -> None: ...

    class Found(Aggregate):
        found_id: Key[str]

        @decide(by="account_id")
        def handle(self, command: Deposit) -> None: ...

    with pytest.raises(DefinitionError, match="Deposit does not say which Lost: it has no field lost_id"):
        decisions_of(definition_of(Lost))
    (decision,) = decisions_of(definition_of(Found))
    assert decision.roles[0].subject(Deposit(account_id="a", amount=1)).stream == "found-a"


def test_a_decision_over_states_names_them() -> None:
    @decides
    def over_nothing(command: Deposit) -> None: ...

    @decides
    def over_a_number(command: Deposit, number: int) -> None: ...

    for function in (over_nothing, over_a_number):
        with pytest.raises(DefinitionError, match="Annotate each state"):
            decision_over(function, {})


def test_the_events_of_a_decision_are_those_it_says_it_returns() -> None:
    @decides
    def open_and_fill(command: OpenAccount, account: Account) -> Iterator[tuple[Account, AccountOpened | Credited]]:
        yield account, AccountOpened.of(command)

    assert decision_over(open_and_fill, {}).events == {AccountOpened, Credited}


def test_what_is_no_event_cannot_be_decided() -> None:
    class Odd(Aggregate):
        account_id: Key[str]

        @decide
        def handle(self, command: Deposit) -> Event:
            return "done"  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    (decision,) = decisions_of(definition_of(Odd))
    with pytest.raises(DefinitionError, match="which is no Event"):
        decision.function(Deposit(account_id="a", amount=1), Odd(account_id="a"))


def test_the_code_of_a_fold_is_part_of_a_snapshots_name() -> None:
    def account(step: str) -> type[Aggregate]:
        scope: dict[str, Any] = {}
        exec(
            "from tests.deciders.bank import Credited\nfrom twofold.deciders import Aggregate\n"
            "from twofold.messages import Key, evolve\n"
            "class Account(Aggregate):\n    account_id: Key[str]\n    balance: int = 0\n    @evolve\n"
            f"    def was_credited(self, event: Credited) -> None:\n        self.balance += {step}\n",
            scope,
        )
        found: type[Aggregate] = scope["Account"]
        found.__module__ = __name__
        return found

    codes = [definition_of(account(step)).code for step in ("1", "1", "2", "event.amount")]

    assert codes[0] == codes[1]
    assert len(set(codes)) == 3
