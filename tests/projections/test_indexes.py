"""Indexes as they are declared: what they are on, what they are called, and which ones cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from twofold.errors import DefinitionError
from twofold.messages import Indexed, Key
from twofold.projections import Index, ReadModel, indexed, table_of


def test_an_index_may_be_compound_descending_and_partial() -> None:
    @indexed("status")
    @indexed("risk_tier", "risk_score desc")
    @indexed("risk_score  DESC", where="risk_score >= 70\n and status in ('active', 'it''s')")
    class FamilyView(ReadModel):
        family_id: Key[str]
        status: str
        risk_tier: str | None = None
        risk_score: int = 0

    status, tier, score = table_of(FamilyView).indexes
    assert status == Index("family_view_status_idx", ("status",))
    assert tier == Index("family_view_risk_tier_risk_score_desc_idx", ("risk_tier", "risk_score"), ("risk_score",))
    assert score.definition == "risk_score desc where risk_score >= 70 and status in ('active', 'it''s')"


def test_every_other_index_has_another_name_that_fits() -> None:
    @indexed("a_column_with_quite_a_long_name")
    @indexed("a_column_with_quite_a_long_name desc")
    @indexed("a_column_with_quite_a_long_name", "another_column_with_a_long_name")
    @indexed("another_column_with_a_long_name", "a_column_with_quite_a_long_name")
    @indexed("a_column_with_quite_a_long_name", where="another_column_with_a_long_name > 1")
    @indexed("a_column_with_quite_a_long_name", where="another_column_with_a_long_name > 2")
    class AReadModelWithALongName(ReadModel):
        key: Key[str]
        a_column_with_quite_a_long_name: int = 0
        another_column_with_a_long_name: int = 0

    names = [index.name for index in table_of(AReadModelWithALongName).indexes]
    assert len(set(names)) == 6
    assert all(len(name) <= 63 for name in names)


def declared(*columns: str, where: str = "") -> Callable[[], type[ReadModel]]:
    def make() -> type[ReadModel]:
        @indexed(*columns, where=where)
        class Odd(ReadModel):
            key: Key[str]
            number: Indexed[int] = 0
            names: list[str] = []

        return Odd

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            declared("nothing"),
            r"Odd has no column 'nothing' to be indexed \(test_indexes\.py:\d+\).*key, number, names",
        ),
        (declared("key number"), "Odd has no column 'key number'"),
        (declared("key); drop table x; --"), "Odd has no column 'key"),
        (declared(), "Odd has an index on nothing"),
        (declared("names"), r"Odd\.names cannot be indexed: it is a document"),
        (declared("number"), "Odd has the index on number twice"),
        (declared("key", "key desc"), "Odd has an index on one column twice: key, key"),
        (declared("key", where="numbr > 1"), "where 'numbr > 1', and 'numbr' is not a column"),
        (declared("key", where="number > random()"), "'random' is not a column"),
        (declared("key", where="key like 'a%'"), "'like' is not a column"),  # SQLite has two senses of it.
        (declared("key", where="number > 1; drop table x"), "';' is not a column"),
        (declared("key", where="number > :min"), "':' is not a column"),
        (declared("key", where="number > 1 -- "), "'-' is not a column"),
        (declared("key", where='"number" > 1'), "'\"' is not a column"),
    ],
)
def test_an_index_that_cannot_be_is_named_with_its_place(make: Callable[[], type[ReadModel]], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        table_of(make())
