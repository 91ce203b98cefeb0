"""Mistakes in read models, found when they are defined, with file and line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from tests.projections.school import EVENTS, FamilyEnrolled, FamilyView, MonthView, PaymentReceived
from twofold import App
from twofold.errors import DefinitionError
from twofold.messages import Indexed, Key, Searchable, evolve, stored_as
from twofold.messages.markers import KEY
from twofold.projections import Index, ReadModel, by_name, define, table_of


class Tier(Enum):
    LOW = "low"
    HIGH = "high"


class Address(msgspec.Struct):
    street: str


class Everything(ReadModel):
    key: Key[str]
    number: int
    truth: bool
    share: float
    amount: Decimal
    day: date
    moment: datetime
    span: timedelta
    id: UUID
    tier: Tier
    word: Literal["a", "b"]
    address: Address
    names: list[str]
    counts: dict[str, int]
    either: int | str
    short: Annotated[str, msgspec.Meta(max_length=3)]
    maybe: Annotated[Decimal | None, "why"] = None
    nobody: Address | None = None


def test_every_kind_of_field_has_its_kind_of_column() -> None:
    assert {column.name: (column.kind, column.optional) for column in table_of(Everything).columns} == {
        "key": ("text", False),
        "number": ("int", False),
        "truth": ("bool", False),
        "share": ("float", False),
        "amount": ("decimal", False),
        "day": ("date", False),
        "moment": ("datetime", False),
        "span": ("timedelta", False),
        "id": ("uuid", False),
        "tier": ("enum", False),
        "word": ("text", False),
        "address": ("json", False),
        "names": ("json", False),
        "counts": ("json", False),
        "either": ("json", False),
        "short": ("text", False),
        "maybe": ("decimal", True),
        "nobody": ("json", True),
    }


def test_names_key_and_indexes_come_from_the_class() -> None:
    table = table_of(FamilyView)
    assert (table.name, table.key) == ("family_view", ("family_id",))
    assert table.indexes == (Index("family_view_tier_idx", ("tier",)),)
    assert table_of(MonthView).key == ("month", "method")


def test_a_read_model_can_be_stored_under_another_name() -> None:
    @stored_as("families")
    class Renamed(ReadModel):
        family_id: Key[str]

    assert table_of(Renamed).name == "families"


def test_the_name_of_an_index_always_fits() -> None:
    class AReadModelWithQuiteALongNameIndeed(ReadModel):
        key: Key[str]
        a_column_that_has_a_long_name_of_its_own: Indexed[str]
        a_column_that_has_a_long_name_of_its_very_own: Indexed[str]

    names = [index.name for index in table_of(AReadModelWithQuiteALongNameIndeed).indexes]
    assert len(set(names)) == 2
    assert all(len(name) <= 63 for name in names)


def without_key() -> type[ReadModel]:
    class Keyless(ReadModel):
        name: str

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

    return Keyless


def without_fold() -> type[ReadModel]:
    class Idle(ReadModel):
        name: Key[str]

    return Idle


def two_folds() -> type[ReadModel]:
    class Twice(ReadModel):
        name: Key[str]

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

        @evolve
        def came(self, event: FamilyEnrolled) -> None: ...

    return Twice


def unannotated() -> type[ReadModel]:
    class Silent(ReadModel):
        name: Key[str]

        @evolve
        def was_enrolled(self, event) -> None: ...  # type: ignore[no-untyped-def]

    return Silent


def with_field(hint: Any) -> Callable[[], type[ReadModel]]:
    def make() -> type[ReadModel]:
        class Odd(ReadModel):
            name: Key[str]
            thing: str

        Odd.__annotations__["thing"] = hint
        return Odd

    return make


def key_missing() -> type[ReadModel]:
    class PerMonth(ReadModel):
        month: Key[date]
        method: Key[str]

        @evolve
        def was_paid(self, event: PaymentReceived) -> None: ...

    return PerMonth


def reserved_name() -> type[ReadModel]:
    @stored_as("twofold_checkpoints")
    class Nosy(ReadModel):
        name: Key[str]

    return Nosy


def odd_column_name() -> type[ReadModel]:
    class Loud(ReadModel):
        Name: Key[str]

    return Loud


class Custom:
    pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (without_key, r"Keyless has no key \(test_definition\.py:\d+\)\. Mark the field"),
        (without_fold, r"Idle folds no event \(test_definition\.py:\d+\)"),
        (two_folds, r"Twice folds FamilyEnrolled twice \(test_definition\.py:\d+, test_definition\.py:\d+\)"),
        (unannotated, r"was_enrolled does not say which event it takes \(test_definition\.py:\d+\)"),
        (
            key_missing,
            r"PerMonth has the key \(month, method\), and PaymentReceived has no month \(test_definition\.py:",
        ),
        (with_field(Custom), r"Odd\.thing cannot be stored: Custom \(test_definition\.py:\d+\)"),
        (with_field(bytes), r"Odd\.thing cannot be stored: bytes"),
        (with_field(complex), r"Odd\.thing cannot be stored: complex"),
        (with_field(list[Custom]), r"Odd\.thing cannot be stored: list\[.*Custom\]"),
        (with_field(Literal[1, "a"]), r"Odd\.thing cannot be stored"),
        (with_field(Annotated[str | None, KEY]), r"Odd\.thing cannot be a key: it is optional"),
        (with_field(Annotated[list[str], KEY]), r"Odd\.thing cannot be a key: it is json"),
        (with_field(Annotated[float, KEY]), r"Odd\.thing cannot be a key: it is float"),
        (with_field(Indexed[list[str]]), r"Odd\.thing cannot be indexed: it is a document"),
        (with_field(Searchable[int]), r"Odd\.thing cannot be searchable: int.*Use str"),
        (with_field(Searchable[list[int]]), r"Odd\.thing cannot be searchable: list\[int\]"),
        (with_field(Searchable[Tier]), r"Odd\.thing cannot be searchable"),
        (reserved_name, r"Nosy: 'twofold_checkpoints' cannot be the name of a table"),
        (odd_column_name, r"Loud: 'Name' cannot be the name of a table or column"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_mistake_is_named_with_its_place(make: Callable[[], type[ReadModel]], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        define(make())


def test_two_read_models_under_one_name_are_refused() -> None:
    @stored_as("family_view")
    class Other(ReadModel):
        name: Key[str]

        @evolve
        def was_enrolled(self, event: FamilyEnrolled) -> None: ...

    with pytest.raises(DefinitionError, match=r"Two read models under the name family_view \(school\.py:\d+, "):
        by_name([define(FamilyView), define(Other)])
    with pytest.raises(DefinitionError, match="Two read models under the name family_view"):
        App(FamilyView, Other)


def test_a_fold_that_waits_is_refused() -> None:
    class Slow(ReadModel):
        name: Key[str]

        @evolve
        async def was_enrolled(self, event: FamilyEnrolled) -> None: ...

    with pytest.raises(DefinitionError, match=r"was_enrolled is async, and a fold waits for nothing"):
        define(Slow)


def test_a_projection_knows_which_events_it_folds() -> None:
    assert define(FamilyView).types == {"FamilyEnrolled", "ChildAdded", "PaymentReceived"}
    assert define(FamilyView).types < {event.__name__ for event in EVENTS}


def test_a_definition_as_text_says_columns_key_and_events() -> None:
    assert define(MonthView).table.definition == (
        "month date, method text, collected decimal, payments int; key month, method; from PaymentReceived"
    )
    assert "tier text?" in define(FamilyView).table.definition
