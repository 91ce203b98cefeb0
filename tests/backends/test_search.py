"""Full-text search: rows are found by the beginnings of their words, the same ones on each database."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backends.test_reads import save, step
from tests.read_stores import asking, statement
from twofold.backends.sqlite.reads import SqliteReads
from twofold.errors import QueryError
from twofold.messages import Key, Searchable, stored_as
from twofold.projections import Changes, ReadModel, ReadStore, indexed, table_of


class FamilyView(ReadModel):
    family_id: Key[str]
    family_name: Searchable[str]
    parent: Searchable[str | None] = None
    children: Searchable[list[str]] = []
    note: str = "nobody"


FAMILIES = table_of(FamilyView)
SMITH = FamilyView(family_id="1", family_name="Smith-Jones", parent="José O'Brien", children=["Zoë", "Max II"])
SMALL = FamilyView(family_id="2", family_name="small", children=["Straße", "Ångström", "ﬁne"])
NOBODY = FamilyView(family_id="3", family_name="", note="Smith")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def families(shared_reads: ReadStore) -> ReadStore:
    await save(shared_reads, SMITH, SMALL, NOBODY)
    return shared_reads


async def found(reads: ReadStore, text: str | None) -> list[str]:
    rows = await reads.select(FAMILIES, "where matches(family_view, :text) order by family_id", {"text": text})
    return [row.family_id for row in rows]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("smith", ["1"]),
        ("sm", ["1", "2"]),
        ("S", ["1", "2"]),
        ("jo smi", ["1"]),
        ("  JOSÉ,jones ", ["1"]),
        ("jose zoe ii", ["1"]),
        ("brien", ["1"]),
        ("strasse angstrom fine", ["2"]),
        ("STRASSE", ["2"]),
        ("mith", []),
        ("smith small", []),
        ("nobody", []),
        ("", []),
        (" -!'\"*()& ", []),
        (None, []),
    ],
)
@asking
async def test_every_word_must_begin_a_word_of_the_row(families: ReadStore, text: str | None, ids: list[str]) -> None:
    assert await found(families, text) == ids


@pytest.mark.parametrize(
    "text",
    ['smith" OR "small', "smith' | 'small", "smith OR small", "smith AND small", "NOT smith x", "smith NEAR small",
     "-smith small", "family_name:smith small", "smith \\ small", "smith\0small", "^smith small", "{smith} :* small"],
)  # fmt: skip
@asking
async def test_nothing_in_a_text_is_syntax(families: ReadStore, text: str) -> None:
    assert await found(families, text) == []


async def test_words_follow_their_rows(reads: ReadStore) -> None:
    await save(reads, SMITH, SMALL)
    again = FamilyView(family_id="1", family_name="Miller", note="changed")
    await reads.save([step("family_view", 1, 2, Changes(FAMILIES, [again], ["2"]))])
    assert (await found(reads, "smith"), await found(reads, "small"), await found(reads, "mil")) == ([], [], ["1"])
    (row,) = await reads.load(FAMILIES, ["1"])
    assert row == again


@asking
async def test_a_search_may_stand_in_any_statement(families: ReadStore) -> None:
    sql = (
        "select v.family_id, :text as asked from family_view as v "
        "where (matches (v, :text) or matches(v, :other)) and v.note = :note and not matches(v, :third)"
    )
    params = {"text": "smith", "other": "x", "note": "nobody", "third": "small"}
    assert [list(row) for row in (await families.query(sql, params)).rows] == [["1", "smith"]]


@pytest.mark.parametrize(
    ("tail", "params", "message"),
    [
        ("where matches(family_view, 'smith')", {}, "matches.* takes a table and a parameter"),
        ("where matches(family_view)", {}, "matches.* takes a table and a parameter"),
        ("where matches(nothing, :text)", {"text": "a"}, "matches.* cannot search nothing"),
        ("where matches(family_name, :text)", {"text": "a"}, "matches.* cannot search family_name"),
        ("where matches(family_view, :text)", {"text": 1}, "matches.* was given int, not a text"),
        ("where matches(family_view, :text)", {}, "no value for :text"),
    ],
)
@asking
async def test_a_search_for_nothing_is_refused(
    families: ReadStore, tail: str, params: dict[str, object], message: str
) -> None:
    with pytest.raises(QueryError, match=message):
        await families.select(FAMILIES, tail, params)


async def test_very_long_texts_are_kept_and_found(reads: ReadStore) -> None:
    text = " ".join(f"{number:05}{'x' * 50}" for number in range(6000)) + " " + "y" * 100_000
    await save(reads, FamilyView(family_id="1", family_name=text))
    assert await found(reads, "00000" + "x" * 60) == ["1"]
    assert await found(reads, " ".join(f"{number:05}" for number in range(1000))) == ["1"]


async def test_a_table_that_was_dropped_is_searched_as_a_new_one(reads: ReadStore) -> None:
    await save(reads, SMITH)
    await statement(reads, "drop table family_view")
    await reads.install([FAMILIES])
    assert await found(reads, "smith") == []
    assert await reads.save([step("family_view", 0, 1, Changes(FAMILIES, [SMALL]))]) == [True]
    assert await found(reads, "small") == ["2"]


async def test_hidden_columns_stay_hidden(reads: ReadStore) -> None:
    await save(reads, SMITH)
    assert await reads.select(FAMILIES, "", {}) == [SMITH]


@pytest.mark.parametrize("reads_url", ["memory", "file"], indirect=True)
async def test_words_find_their_rows_also_after_a_vacuum(reads: ReadStore) -> None:
    await save(reads, SMITH, SMALL)
    await reads.save([step("family_view", 1, 2, Changes(FAMILIES, [], ["1"]))])
    await statement(reads, "vacuum")
    assert await found(reads, "small") == ["2"]


# --- Marks that come and go -----------------------------------------------------------------------------------------


@stored_as("family_view")
@indexed("note")
class Unmarked(ReadModel):
    family_id: Key[str]
    family_name: str
    parent: str | None = None
    children: list[str] = []
    note: str = "nobody"


async def test_rows_that_are_older_than_a_mark_are_found_too(reads: ReadStore) -> None:
    rows = [Unmarked(family_id=f"{number}", family_name=f"Smith{number}") for number in range(6000)]
    await save(reads, *rows)
    await statement(reads, "create index mine on family_view (family_name)")
    await reads.install([FAMILIES])
    assert await found(reads, "smith4711") == ["4711"]
    assert await reads.select(FAMILIES, "where family_id = '7'", {}) == [
        FamilyView(family_id="7", family_name="Smith7")
    ]
    await reads.save([step("family_view", 1, 2, Changes(FAMILIES, [FamilyView(family_id="7", family_name="Miller")]))])
    assert (await found(reads, "smith7 "), await found(reads, "mill")) == (
        sorted(f"{number}" for number in range(6000) if f"{number}".startswith("7") and number != 7),
        ["7"],
    )
    assert await _has_index(reads, "mine")


async def test_a_mark_may_go_and_come_back(reads: ReadStore) -> None:
    await save(reads, SMITH)
    await reads.install([table_of(Unmarked)])
    with pytest.raises(QueryError):
        await found(reads, "smith")
    other = Unmarked(family_id="4", family_name="Quincy")
    await reads.save([step("family_view", 1, 2, Changes(table_of(Unmarked), [other]))])
    await reads.install([FAMILIES])
    assert (await found(reads, "smith"), await found(reads, "quin")) == (["1"], ["4"])


async def _has_index(reads: ReadStore, name: str) -> bool:
    catalogue = (
        "select name from sqlite_schema" if isinstance(reads, SqliteReads) else "select indexname from pg_indexes"
    )
    return (name,) in [tuple(row) for row in await statement(reads, catalogue)]


# --- Both alike -----------------------------------------------------------------------------------------------------

NAMES = st.text(st.sampled_from("aAbäÄßéëİıſ１2٣ _-'\"*:&\u0301日本ﬁ"), max_size=8)


@settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, min_size=1, max_size=6), texts=st.lists(NAMES, min_size=1, max_size=4))
async def test_both_databases_find_the_same_rows(names: list[str], texts: list[str], both: Sequence[ReadStore]) -> None:
    answers = []
    rows = [FamilyView(family_id=f"{number}", family_name=name) for number, name in enumerate(names)]
    for reads in both:
        await reads.install([FAMILIES])
        at = (await reads.checkpoints(["family_view"])).get("family_view")
        old = [row.family_id for row in await reads.select(FAMILIES, "", {})]
        start = at.position if at else 0
        assert await reads.save([step("family_view", start, start + 1, Changes(FAMILIES, rows, old))]) == [True]
        answers.append([await found(reads, text) for text in texts])
    assert answers[0] == answers[1]
