"""What the two databases do differently by themselves, and alike here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from tests.backends.test_reads import save
from tests.read_stores import asking
from twofold.backends.sqlite.reads import SqliteReads
from twofold.backends.sqlite.spelling import Spelling
from twofold.errors import QueryError
from twofold.messages import Indexed, Key
from twofold.projections import ReadModel, ReadStore, table_of

pytestmark = asking


class Pupil(ReadModel):
    name: Key[str]
    tier: Indexed[str | None] = None
    score: Indexed[int] = 0
    paid: Decimal | None = None
    tags: list[str] = []
    marks: dict[str, int] = {}


PUPIL = table_of(Pupil)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pupils(shared_reads: ReadStore) -> ReadStore:
    await save(
        shared_reads,
        Pupil(name="Ada", tier="high", score=3, paid=Decimal("10"), tags=["x", "it's"], marks={"maths": 1}),
        Pupil(name="ada", tier=None, score=2, paid=None),
        Pupil(name="Bob", tier="low", score=1, paid=Decimal("9.5")),
    )
    return shared_reads


async def names(reads: ReadStore, sql: str) -> list[Any]:
    return [row[0] for row in (await reads.query(sql, {})).rows]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("order by tier", ["Ada", "Bob", "ada"]),
        ("order by tier desc", ["ada", "Bob", "Ada"]),
        ("order by tier nulls first", ["ada", "Ada", "Bob"]),
        ("order by tier desc nulls last limit 3", ["Bob", "Ada", "ada"]),
        ("order by paid, name", ["Bob", "Ada", "ada"]),
        ("order by coalesce(tier, 'k') desc, score limit 2", ["Bob", "ada"]),
        ("order by case when tier = 'low' then 1 end, pupil.score desc", ["Bob", "Ada", "ada"]),
        ("order by paid * 2 desc limit 1", ["ada"]),
        ("order by rank() over (order by tier desc)", ["ada", "Bob", "Ada"]),
        ("union all select null from pupil where name = 'Bob' order by name", ["Ada", "Bob", "ada", None]),
        ("union all select null from pupil where name = 'Bob' order by 1 desc limit 2", [None, "ada"]),
    ],
)
async def test_null_stands_behind_the_largest_value(pupils: ReadStore, order: str, found: list[str | None]) -> None:
    assert await names(pupils, f"select name from pupil {order}") == found


async def test_a_name_that_the_statement_gives_may_be_null(pupils: ReadStore) -> None:
    sql = "select name, nullif(score, 2) as score from pupil order by score"
    assert await names(pupils, sql) == ["Bob", "Ada", "ada"]


async def test_a_left_join_makes_null_of_what_never_is(pupils: ReadStore) -> None:
    sql = "select p.name from pupil p left join pupil q on q.tier = p.tier order by q.score, p.name"
    assert await names(pupils, sql) == ["Bob", "Ada", "ada"]


@pytest.mark.parametrize("shared_reads", ["memory"], indirect=True)
async def test_an_order_that_an_index_gives_stays_as_it_is(pupils: ReadStore) -> None:
    assert isinstance(pupils, SqliteReads)
    said = Spelling([PUPIL]).spelled("select name from pupil as p order by score desc, p.name, pupil.score")
    assert "nulls" not in said.text


async def test_like_tells_capitals_from_small_letters(pupils: ReadStore) -> None:
    assert await names(pupils, "select name from pupil where name like 'a%'") == ["ada"]
    assert await names(pupils, "select name from pupil where name like '%D%'") == []


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("tags ->> 1", "it's"),
        ("tags -> 0", '"x"'),
        ("marks ->> 'maths'", 1),
        ("marks ->> 'none'", None),
        ("tags ->> 7", None),
    ],
)
async def test_documents_are_reached_into_alike(pupils: ReadStore, expression: str, value: object) -> None:
    (found,) = await names(pupils, f"select {expression} from pupil where name = 'Ada'")
    assert str(found) == str(value)


async def test_documents_may_be_asked_for_and_ordered_by(pupils: ReadStore) -> None:
    assert await names(pupils, "select name from pupil where tags ->> 0 = 'x'") == ["Ada"]
    assert await names(pupils, "select name from pupil order by tags ->> 0, name") == ["Ada", "Bob", "ada"]


@pytest.mark.parametrize(
    ("condition", "given", "found"),
    [
        ("name = any(:given)", ["Ada", "Bob", "it's"], ["Ada", "Bob"]),
        ("name = any(:given)", [], []),
        ("p.score = ANY ( :given ) and true", (1, 2), ["Bob", "ada"]),
        ("paid = any(:given)", [Decimal("9.50"), Decimal(11)], ["Bob"]),
        ("name <> all(:given)", ["Ada"], ["Bob", "ada"]),
        ("score != all(:given)", [], ["Ada", "Bob", "ada"]),
        ("paid * 2 = any(:given) or name = any(:given_too)", [Decimal(20)], ["Ada", "ada"]),
    ],
)
async def test_a_parameter_may_be_a_list(pupils: ReadStore, condition: str, given: object, found: list[str]) -> None:
    params = {"given": given} | ({"given_too": ["ada"]} if "given_too" in condition else {})
    rows = await pupils.query(f"select name from pupil p where {condition} order by name", params)
    assert [name for (name,) in rows.rows] == found


@pytest.mark.parametrize(("condition", "given"), [("name = any(:given)", "Ada"), ("name in (:given)", ["Ada"])])
async def test_a_list_where_one_value_belongs_is_refused_and_the_other_way_round(
    pupils: ReadStore, condition: str, given: object
) -> None:
    with pytest.raises(QueryError):
        await pupils.query(f"select name from pupil where {condition}", {"given": given})
