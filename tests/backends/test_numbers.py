"""Exact numbers in questions: sums, averages, products and comparisons are exact, and the same on each database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backends.test_reads import step
from tests.read_stores import asking
from twofold.backends.sqlite.numbers import over
from twofold.errors import QueryError
from twofold.messages import Key
from twofold.projections import Changes, ReadModel, ReadStore, table_of
from twofold.queries.reader import Reader


class Sale(ReadModel):
    key: Key[str]
    amount: Decimal
    price: Decimal | None = None
    count: int = 0
    share: float = 0.0
    method: str = "card"
    day: date = date(2024, 1, 1)


class Refund(ReadModel):
    key: Key[str]
    sale: str
    amount: Decimal = Decimal(0)
    count: int = 0


SALE, REFUND = table_of(Sale), table_of(Refund)
SALES = [
    Sale(key="a", amount=Decimal("0.10"), price=Decimal("2.5"), count=1, share=0.5),
    Sale(key="b", amount=Decimal("0.20"), price=None, count=2, share=0.25, method="cash"),
    Sale(key="c", amount=Decimal("100"), price=Decimal("-9.99"), count=99, share=1e10),
    Sale(key="d", amount=Decimal("9.9"), price=Decimal("12345678901234567890.123"), count=10, method="cash"),
    Sale(key="e", amount=Decimal("9007199254740993"), price=Decimal("0.005"), count=9007199254740992, method="check"),
]
REFUNDS = [
    Refund(key="x", sale="a", amount=Decimal("0.05"), count=1),
    Refund(key="y", sale="c", amount=Decimal("99.999")),
]


async def answer(reads: ReadStore, sql: str, **params: object) -> list[list[Any]]:
    return [list(row) for row in (await reads.query(sql, params)).rows]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sales(shared_reads: ReadStore) -> ReadStore:
    await shared_reads.install([SALE, REFUND])
    await shared_reads.save([step("sale", 0, 1, Changes(SALE, SALES)), step("refund", 0, 1, Changes(REFUND, REFUNDS))])
    return shared_reads


SMALL = "key < 'e'"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        # Sums and averages
        ("select sum(amount) from sale", [["9007199254741103.20"]]),
        ("select sum(amount), avg(amount), min(amount), max(amount) from sale where false", [[None] * 4]),
        (f"select avg(amount) from sale where {SMALL}", [["27.5500000000000000"]]),
        ("select avg(price) from sale where key in ('a', 'c')", [["-3.7450000000000000"]]),
        ("select sum(distinct amount), count(distinct amount) from sale", [["9007199254741103.20", 5]]),
        ("select avg(distinct amount) from sale where key in ('a', 'b')", [["0.15000000000000000000"]]),
        ("select sum(sale.amount) from sale", [["9007199254741103.20"]]),
        ('select sum(s."amount") from sale as s', [["9007199254741103.20"]]),
        ("SELECT SUM ( Amount ) FROM sale", [["9007199254741103.20"]]),
        ("select sum(amount) filter (where method = 'cash') from sale", [["10.10"]]),
        ("select avg(amount) filter (where method = 'cash') from sale", [["5.0500000000000000"]]),
        ("select sum(case when method = 'cash' then amount else 0 end) from sale", [["10.10"]]),
        ("select sum(case method when 'cash' then 0 when 'card' then amount end) from sale", [["100.10"]]),
        ("select key, sum(amount) over (order by key) from sale where key < 'c'", [["a", "0.10"], ["b", "0.30"]]),
        (
            "select key, sum(amount) over w from sale where key < 'c' window w as (partition by method)",
            [["a", "0.10"], ["b", "0.20"]],
        ),
        ("select coalesce(sum(amount), 0) from sale where false", [["0"]]),
        ("select min(amount), max(price) from sale", [["0.10", "12345678901234567890.123"]]),
        ("select max(amount) from sale where key <= 'd'", [["100"]]),
        ("select decimal_sum(amount) from sale", [["9007199254741103.20"]]),
        ("select sum(share) from sale where key < 'c'", [[0.75]]),
        ("select sum(price), avg(price), sum(distinct price) from sale where key = 'b'", [[None, None, None]]),
        ("select sum(price) over (), amount + price, price * 2 from sale where key = 'b'", [[None, None, None]]),
        ("select sum(price), avg(price) from sale where key in ('a', 'b')", [["2.5", "2.5000000000000000"]]),
        # Grouping, order, comparison
        (
            "select method, sum(amount) from sale group by method order by sum(amount) desc",
            [["check", "9007199254740993"], ["card", "100.10"], ["cash", "10.10"]],
        ),
        (
            "select method, sum(amount) as total from sale group by method order by total",
            [["cash", "10.10"], ["card", "100.10"], ["check", "9007199254740993"]],
        ),
        ("select method from sale group by method having sum(amount) > 100.1", [["check"]]),
        ("select method from sale group by method having sum(amount) between 50 and 1000", [["card"]]),
        ("select method from sale group by method having 99 < sum(amount) order by 1", [["card"], ["check"]]),
        ("select key from sale where amount > 9.9 order by amount desc", [["e"], ["c"]]),
        ("select key from sale where amount > 9007199254740992.5", [["e"]]),
        ("select key from sale where amount > count order by key", [["c"], ["e"]]),
        ("select key from sale where count < amount order by key", [["c"], ["e"]]),
        ("select key from sale where amount = 0.1", [["a"]]),
        ("select key from sale where amount in (0.1, 9.90) order by key", [["a"], ["d"]]),
        ("select key from sale where amount < (select avg(amount) from sale) order by amount", [["a"], ["b"], ["d"], ["c"]]),
        ("select (select sum(amount) from sale) > 9", [[1]]),
        # Arithmetic
        ("select amount * 2 from sale where key = 'a'", [["0.20"]]),
        ("select amount * price, amount + price, amount - price from sale where key = 'a'", [["0.250", "2.60", "-2.40"]]),
        ("select price / amount, price % amount from sale where key = 'c'", [["-0.09990000000000000000", "-9.99"]]),
        ("select -amount, - amount + 1, +amount from sale where key = 'a'", [["-0.10", "0.90", "0.10"]]),
        ("select 1 - amount * 3 - (amount + 0.2) * 2 from sale where key = 'a'", [["0.10"]]),
        ("select sum(amount * price) from sale where key in ('a', 'c')", [["-998.750"]]),
        ("select sum(amount * count) from sale where key < 'd'", [["9900.50"]]),
        ("select sum(amount) / count(*) from sale where key < 'c'", [["0.15000000000000000000"]]),
        ("select sum(amount) * 100 / nullif(sum(price), 0) from sale where key = 'a'", [["4.0000000000000000"]]),
        ("select sum(amount) / nullif(sum(amount) - sum(amount), 0) from sale", [[None]]),
        ("select key from sale where amount * 2 = 0.2", [["a"]]),
        ("select key from sale order by amount * -1 limit 1", [["e"]]),
        ("select key from sale where amount + 0.1 > 0.25 and amount - 0.1 <= 0.1", [["b"]]),
        ("select round(avg(amount), 2), round(-price, 1), abs(price) from sale where key = 'c' group by price",
         [["100.00", "10.0", "9.99"]]),
        ("select round(amount), round(price * 0.5, 3) from sale where key = 'e'", [["9007199254740993", "0.003"]]),
        ("select abs(-price) from sale where key = 'd'", [["12345678901234567890.123"]]),
        ("select floor(price), ceil(price), ceiling(amount) from sale where key = 'c'", [["-10", "-9", "100"]]),
        ("select cast(amount as bigint) from sale where key = 'd'", [[10]]),
        ("select cast(count as numeric) / 3 from sale where key = 'a'", [["0.33333333333333333333"]]),
        ("select cast(amount as double precision) * 2 from sale where key = 'a'", [[0.2]]),
        ("select share * amount from sale where key = 'c'", [[1e12]]),
        ("select lag(amount) over (order by key) + amount from sale where key < 'c' order by key desc limit 1", [["0.30"]]),
        ("select sum(count) / 2, coalesce(sum(count), 0) / 2 from sale where key < 'c'",
         [["1.5000000000000000", "1.5000000000000000"]]),
        ("select sum(count) / count(*) + 0 from refund", [["0.50000000000000000000"]]),
        ("select count / 2, 7 / 2 from sale where key = 'a'", [[0, 3]]),
        ("select 0.1 + 0.2, amount from sale where key = 'a'", [["0.3", "0.10"]]),
        ("select count * 0.1, amount from sale where key = 'b'", [["0.2", "0.20"]]),
        ("select avg(count), avg(amount) from sale where key = 'b'", [["2.0000000000000000", "0.20000000000000000000"]]),
        ("select key from sale group by key having sum(count) < sum(amount) order by key", [["c"], ["e"]]),
        # Names that the statement gives
        (
            "select method, total * 2 as twice from (select method, sum(amount) as total from sale group by method) t "
            "where total > 50 order by twice desc",
            [["check", "18014398509481986"], ["card", "200.20"]],
        ),
        (
            "with totals as (select method, sum(amount) total from sale group by method) "
            "select sum(total), max(t.total), avg(total) from totals t where method <> 'check'",
            [["110.20", "100.10", "55.1000000000000000"]],
        ),
        (
            "with totals (method, total) as (select method, sum(amount) from sale group by method) "
            "select method, sum(total) from totals group by method order by sum(total) limit 2",
            [["cash", "10.10"], ["card", "100.10"]],
        ),
        (
            "with totals (n, total) as (select count(*), sum(amount) from sale) select n + 1, total + n from totals",
            [[6, "9007199254741108.20"]],
        ),
        (
            "select s.key, s.amount - coalesce(r.amount, 0) as net from sale s left join refund r on r.sale = s.key "
            "where s.key < 'd' order by net",
            [["c", "0.001"], ["a", "0.05"], ["b", "0.20"]],
        ),
        ("select key from sale where exists (select amount from refund where sale = sale.key) order by key", [["a"], ["c"]]),
        ("select key from sale where key in (select sale from refund where refund.amount < sale.amount) order by key", [["a"], ["c"]]),
        ("select count(*) from (select amount from sale union all select amount from refund) x", [[7]]),
        ("select sum(amount) from (select amount from sale union all select -amount from refund) x where amount < 10",
         [["-89.849"]]),
        ("select sale.*, count(*) over () from sale where key = 'zzz'", []),
        ("select day, count(*) * 2 - 1 from sale where key = 'a' group by day", None),
        ("select key || '-' || method as name from sale where amount = 100", [["c-card"]]),
    ],
)  # fmt: skip
@asking
async def test_numbers_are_exact_wherever_they_stand(sales: ReadStore, sql: str, rows: list[list[Any]] | None) -> None:
    found = await answer(sales, sql)
    assert rows is None or found == rows


@pytest.mark.parametrize(
    ("sql", "params", "rows"),
    [
        ("select key from sale where amount = :value", {"value": Decimal("9.90")}, [["d"]]),
        ("select key from sale where amount > :value and amount < 1000", {"value": 9}, [["c"], ["d"]]),
        ("select amount * :rate from sale where key = 'a'", {"rate": Decimal("1.5")}, [["0.150"]]),
        ("select amount * :rate from sale where key = 'a'", {"rate": 3}, [["0.30"]]),
        (
            "select sum(amount) filter (where method = :m) / :n from sale",
            {"m": "cash", "n": 2},
            [["5.0500000000000000"]],
        ),
        ("select avg(amount) filter (where method = :m) from sale", {"m": "cash"}, [["5.0500000000000000"]]),
        ("select method from sale group by method having sum(amount) < :max", {"max": Decimal(11)}, [["cash"]]),
        ("select coalesce(price, :other) from sale where key = 'b'", {"other": Decimal("1.10")}, [["1.10"]]),
    ],
)
@asking
async def test_parameters_are_numbers_too(
    sales: ReadStore, sql: str, params: dict[str, object], rows: list[list[Any]]
) -> None:
    assert sorted(await answer(sales, sql, **params)) == rows


@pytest.mark.parametrize(
    "sql",
    [
        "select amount / 0 from sale",
        "select amount % (amount - amount) from sale",
        "select total(amount) from sale",
    ],
)
@asking
async def test_what_has_no_exact_answer_is_refused(sales: ReadStore, sql: str) -> None:
    with pytest.raises(QueryError):
        await answer(sales, sql)


@pytest.mark.parametrize("shared_reads", ["memory"], indirect=True)
@pytest.mark.parametrize("sql", ["select sqrt(amount) from sale", "select cast(amount as numeric(10, 1)) from sale"])
@asking
async def test_what_sqlite_has_in_floats_only_is_refused_with_a_remedy(sales: ReadStore, sql: str) -> None:
    with pytest.raises(QueryError, match=r"exact.*(float|round)"):
        await answer(sales, sql)


@asking
async def test_typed_answers_hold_decimals(sales: ReadStore) -> None:
    read = Reader(sales, {Sale: SALE})
    assert await read.scalar(Decimal, "select sum(amount * 3) from sale where key = 'a'") == Decimal("0.30")
    assert await read.all(Sale, "where amount * 2 < 1 order by amount desc") == [SALES[1], SALES[0]]


# --- Whatever the numbers -------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**25), max_value=10**25, places=4),
    st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-1, max_value=1),
    st.integers(-(10**30), 10**30).map(Decimal),
    st.sampled_from([Decimal("0.00"), Decimal("1E+5"), Decimal("9999"), Decimal("10000"), Decimal("0.0001"), Decimal("1E-20")]),
)  # fmt: skip

QUESTION = (
    "select sum(amount), avg(amount), min(amount), max(amount), sum(amount * price), sum(amount + price - 1.5), "
    "sum(distinct amount), avg(price), sum(amount) / nullif(sum(price), 0), round(avg(amount), 3) from sale"
)
FOUND_FIRST = (2, 3, 6)
"""Which answers hold one of several numbers that may be equal and written otherwise, as 0.0 and 0.00: the first that is met."""

LEAVES = st.sampled_from(["amount", "price", "count", "s.amount", "1", "3", "0.1", "2.50", "sum(amount) over ()"])
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from("+-*"), inner),
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("({}) / nullif(abs({} * amount), 0)".format, inner, LEAVES),
        st.builds("-({})".format, inner),
        st.builds("coalesce(price, {})".format, inner),
        st.builds("case when {} > {} then {} else amount end".format, inner, inner, inner),
        st.builds("round({} + amount, 2)".format, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=settings().max_examples, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expressions=st.lists(EXPRESSIONS, min_size=4, max_size=12))
async def test_random_expressions_give_the_same_numbers_on_both(
    expressions: list[str], both: Sequence[ReadStore]
) -> None:
    answers = []
    for reads in both:
        await reads.install([SALE])
        if not await reads.checkpoints(["sale"]):
            await reads.save([step("sale", 0, 1, Changes(SALE, SALES[:4]))])
        found = await answer(reads, f"select {', '.join(expressions)} from sale s order by key")
        answers.append([[None if value is None else Decimal(str(value)) for value in row] for row in found])
    assert answers[0] == answers[1]


@settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8))
async def test_random_numbers_give_the_same_digits_on_both(
    numbers: list[tuple[Decimal, Decimal]], both: Sequence[ReadStore]
) -> None:
    answers: list[list[Any]] = []
    rows = [Sale(key=f"{at}", amount=amount, price=price) for at, (amount, price) in enumerate(numbers)]
    for reads in both:
        await reads.install([SALE])
        at = (await reads.checkpoints(["sale"])).get("sale")
        start = at.position if at else 0
        old = [row.key for row in await reads.select(SALE, "", {})]
        assert await reads.save([step("sale", start, start + 1, Changes(SALE, rows, old))]) == [True]
        answers += await answer(reads, QUESTION)
        order = [row.amount for row in await reads.select(SALE, "order by amount", {})]
        assert order == sorted(order)
    with localcontext() as context:
        context.prec = 200
        summed = sum((amount for amount, _ in numbers), Decimal(0))
        assert [Decimal(each[0]) for each in answers] == [summed] * 2
        assert [Decimal(each[4]) for each in answers] == [sum((a * b for a, b in numbers), Decimal(0))] * 2
        scale = Decimal(1).scaleb(-len(answers[0][1].partition(".")[2]))
        average = (summed / len(numbers)).quantize(scale, ROUND_HALF_UP)
        assert Decimal(answers[0][1]) == average
    for each in answers:
        for place in FOUND_FIRST:
            each[place] = Decimal(each[place])
    assert answers[0] == answers[1]


@given(left=NUMBERS, right=NUMBERS.filter(bool))
def test_a_quotient_is_the_nearest_number_with_its_digits(left: Decimal, right: Decimal) -> None:
    found = over(left, right)
    step = Fraction(Decimal((0, (1,), int(found.as_tuple().exponent))))
    assert abs(Fraction(found) - Fraction(left) / Fraction(right)) <= step / 2


@asking
async def test_sums_of_other_numbers_are_the_databases_own(sales: ReadStore) -> None:
    read = Reader(sales, {Sale: SALE})
    assert await read.all(tuple[int, float], "select sum(count), sum(share) from sale where key < 'c'") == [(3, 0.75)]
