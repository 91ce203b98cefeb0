"""Definitions that changed: what is amended in place, and what a rebuild alone can bring about."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from twofold.errors import StoreRefusedError
from twofold.messages import Indexed, Key
from twofold.projections import Index, ReadModel, Table, table_of
from twofold.projections.amendment import amendment


class View(ReadModel):
    key: Key[str]
    age: int
    tier: Indexed[str | None] = None
    names: list[str] = []
    paid: Decimal = Decimal("1.50")


VIEW = msgspec.structs.replace(table_of(View), folds=("Enrolled", "Paid"))
BY_TODAYS_CODE = "key text, age int, tier text?, names json, paid decimal; key key; from Enrolled, Paid"


def without(*names: str) -> Table:
    """The table before these columns and indexes."""
    columns = tuple(column for column in VIEW.columns if column.name not in names)
    indexes = tuple(index for index in VIEW.indexes if index.name not in names)
    return msgspec.structs.replace(VIEW, columns=columns, indexes=indexes)


def test_a_definition_without_indexes_in_it_is_read_as_it_was_written() -> None:
    amended = amendment(VIEW, BY_TODAYS_CODE)
    assert (amended.columns, amended.dropped, amended.searched) == ((), (), False)


def test_new_columns_come_with_their_defaults() -> None:
    amended = amendment(VIEW, without("tier", "names", "paid").definition)
    assert {column.name: column.default for column in amended.columns} == {
        "tier": None,
        "names": [],
        "paid": Decimal("1.50"),
    }


def test_an_optional_column_needs_no_default() -> None:
    class Optional(ReadModel):
        key: Key[str]
        seen: str | None

    (column,) = amendment(table_of(Optional), "key text; key key; from nothing").columns
    assert (column.name, column.default) == ("seen", None)


def test_indexes_of_ours_that_are_declared_no_longer_are_dropped() -> None:
    others = (Index("a", ("age",)), Index("b", ("age", "tier"), ("tier",), "tier in ('; indexes {}', '\"')"))
    before = msgspec.structs.replace(VIEW, indexes=(*VIEW.indexes, *others))
    assert amendment(VIEW, before.definition).dropped == ("a", "b")
    assert amendment(before, VIEW.definition).dropped == ()


def test_the_order_of_columns_does_not_matter() -> None:
    turned = msgspec.structs.replace(VIEW, columns=VIEW.columns[::-1])
    assert amendment(turned, VIEW.definition).columns == ()


@pytest.mark.parametrize(
    ("made_from", "difference"),
    [
        (without("age").definition, "column age: nothing -> int, without a default"),
        (BY_TODAYS_CODE.replace("age int", "age text"), "column age: text -> int"),
        (BY_TODAYS_CODE.replace("age int", "age int?"), r"column age: int\? -> int"),
        (BY_TODAYS_CODE.replace("age int", "age int, name text"), "column name: text -> nothing"),
        (BY_TODAYS_CODE.replace("; key key", "; key key, age"), "key: key, age -> key"),
        (BY_TODAYS_CODE.replace(", Paid", ""), "from: Enrolled -> Enrolled, Paid"),
        (BY_TODAYS_CODE + "; in families", "in: families -> nothing"),
        (
            BY_TODAYS_CODE.replace("age int", "age text").replace("tier text?", "tier int"),
            r"age: text -> int; column tier: int -> text\?",
        ),
    ],
)
def test_anything_else_needs_a_rebuild_and_says_exactly_why(made_from: str, difference: str) -> None:
    with pytest.raises(StoreRefusedError, match=f"view has changed: .*{difference}\\. A rebuild is needed") as refused:
        amendment(VIEW, made_from)
    assert refused.value.reason == "definition-changed"


def test_a_table_of_somebody_else_is_refused() -> None:
    with pytest.raises(StoreRefusedError, match="view that is not a read model") as refused:
        amendment(VIEW, None)
    assert refused.value.reason == "foreign"
