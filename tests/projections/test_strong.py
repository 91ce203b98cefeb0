"""Which read models may be strong, and together with which."""

from __future__ import annotations

from typing import Annotated

import pytest

from twofold.errors import DefinitionError
from twofold.messages import Event, Key, by, evolve, stored_as
from twofold.projections import Group, ReadModel, define, grouped, groups_of, strong
from twofold.projections.strong import LOG_TABLES


class Paid(Event):
    customer: str
    amount: int


class Weak(ReadModel):
    id: Key[str]
    paid: int = 0

    @evolve
    def was_paid(self, event: Paid) -> None:
        self.paid += event.amount


@strong
@grouped("both")
class One(Weak):
    pass


@strong
@grouped("both")
class Other(Weak):
    pass


@grouped("both")
class Odd(Weak):
    pass


@strong
class Looking(ReadModel):
    id: Key[str]
    seen: int = 0

    @evolve
    def was_paid(self, event: Paid, weak: Annotated[Weak | None, by("customer")]) -> None:
        self.seen = weak.paid if weak else 0


def groups(*models: type[ReadModel]) -> list[Group]:
    return groups_of([define(cls) for cls in models])


def test_a_group_is_strong_where_all_of_it_are() -> None:
    (group,) = groups(One, Other)
    assert group.strong
    assert [projection.table.strong for projection in group.projections] == [True, True]


def test_a_read_model_without_the_mark_is_not() -> None:
    (group,) = groups(Weak)
    assert not group.strong


def test_a_group_cannot_be_strong_in_part() -> None:
    with pytest.raises(DefinitionError, match="One is strong, and Odd, with which it shares a checkpoint, is not"):
        groups(One, Other, Odd)


def test_a_strong_read_model_looks_up_strong_ones_only() -> None:
    with pytest.raises(DefinitionError, match="Looking is strong, and Weak.*Mark both with @strong, or neither"):
        groups(Looking, Weak)


@pytest.mark.parametrize("name", sorted(LOG_TABLES))
def test_it_cannot_be_called_like_a_table_of_the_log(name: str) -> None:
    @strong
    @stored_as(name)
    class Named(Weak):
        pass

    with pytest.raises(DefinitionError, match=f"cannot be called {name}"):
        groups(Named)
