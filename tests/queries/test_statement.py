"""SQL with named parameters: what is a parameter, what is a word, and what only looks like one."""

from __future__ import annotations

import pytest

from twofold.backends.postgres import spelling as postgres
from twofold.backends.sqlite import spelling as sqlite
from twofold.errors import QueryError
from twofold.queries.statement import parse


def dollars(sql: str) -> str:
    return parse(sql).spelled(lambda number: f"${number}")


@pytest.mark.parametrize(
    ("sql", "spelled"),
    [
        ("where a = :a and b = :b or a > :a", "where a = $1 and b = $2 or a > $1"),
        ("where a = :a::text", "where a = $1::text"),
        ("where a = ':a' and b = :b", "where a = ':a' and b = $1"),
        ("where a = 'it''s :a' and b = :b", "where a = 'it''s :a' and b = $1"),
        ('select ":a" from t where b = :b', 'select ":a" from t where b = $1'),
        ("select 1 -- :a\n, :b", "select 1 -- :a\n, $1"),
        ("select /* :a\n */ :b", "select /* :a\n */ $1"),
        ("select $$:a$$, $x$ :a $$ $x$, :b", "select $$:a$$, $x$ :a $$ $x$, $1"),
        ("select names[1:2], :b", "select names[1:2], $1"),
        ("  select :b ; ", "select $1"),
    ],
)
def test_parameters_are_numbered_where_they_are_parameters(sql: str, spelled: str) -> None:
    assert dollars(sql).strip() == spelled


def test_words_are_in_lower_case_unless_quoted() -> None:
    assert parse('select A."B" from "My ""Table""" where c = :d').words == {
        "select", "a", "B", "from", 'My "Table"', "where", "c",
    }  # fmt: skip


def test_values_come_in_the_order_of_their_numbers() -> None:
    assert parse("select :b, :a, :b").values({"a": 1, "b": 2}) == [2, 1]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "no value for :a"),
        ({"b": 1}, "no value for :a and nothing asks for b"),
        ({"a": 1, "b": 1}, "nothing asks for b"),
    ],
)
def test_parameters_must_fit_the_statement(params: dict[str, object], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        parse("select :a").values(params)


@pytest.mark.parametrize("sql", ["select 1; select 2", "; select 1", "select ';' ; drop table a"])
def test_only_one_statement_is_taken(sql: str) -> None:
    with pytest.raises(QueryError, match="More than one statement"):
        parse(sql)


@pytest.mark.parametrize(
    ("sql", "whole"),
    [
        ("select 1", True),
        ("-- why\n with a as (select 1) select * from a", True),
        ("where a = 1", False),
        ("order by (select 1)", False),
        ("", False),
    ],
)
def test_a_whole_statement_is_told_from_the_end_of_one(sql: str, whole: bool) -> None:
    assert parse(sql).is_whole is whole


def test_a_sum_of_decimals_may_be_named_as_on_sqlite() -> None:
    spelled = postgres.Spelling().spelled
    assert spelled("select DECIMAL_SUM (a) x, 'decimal_sum'").text == "select sum (a) x, 'decimal_sum'"


def test_a_statement_without_exact_numbers_stays_as_it_is() -> None:
    sql = "select sum(a * b), 'sum(c)', t.* from t where a <> 1.5 and b ->> 'x' = 'y' -- sum(d)"
    assert sqlite.Spelling().spelled(sql).text == sql
