"""What a read store promises, on each of them: exact rows, checkpoints by compare-and-set, questions that only read."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest

from tests.read_stores import read_store, statement
from twofold.config import SqliteURL, parse_url
from twofold.errors import QueryError, StoreError, StoreRefusedError
from twofold.messages import Indexed, Key
from twofold.messages.markers import Searchable
from twofold.projections import Advance, Changes, ReadModel, ReadStore, table_of
from twofold.projections.layout import Layout
from twofold.subscriptions import Checkpoint, Note


class Tier(Enum):
    LOW = "low"
    HIGH = "high"


class Address(msgspec.Struct):
    street: str
    rent: Decimal


class Everything(ReadModel):
    key: Key[str]
    number: int = 0
    truth: bool = False
    share: float = 0.0
    amount: Decimal = Decimal(0)
    day: date = date(2024, 2, 29)
    moment: datetime = datetime(2024, 2, 29, 12, tzinfo=UTC)
    span: timedelta = timedelta(0)
    id: UUID = UUID(int=0)
    tier: Tier = Tier.LOW
    word: Literal["a", "b"] = "a"
    address: Address = msgspec.field(default_factory=lambda: Address(street="High St", rent=Decimal("1.50")))
    names: list[str] = []
    counts: dict[str, int] = {}
    maybe: Indexed[Decimal | None] = None
    nobody: Address | None = None


class Pair(ReadModel):
    day: Key[date]
    id: Key[UUID]
    amount: Key[Decimal]
    tier: Key[Tier]
    moment: Key[datetime]
    count: int = 0


class Keys(ReadModel):
    key: Key[int]


EVERYTHING, PAIR, KEYS = table_of(Everything), table_of(Pair), table_of(Keys)
START = Checkpoint(0, "log", 1)


def at(position: int, *, epoch: int = 1) -> Checkpoint:
    return Checkpoint(position, "log", 1, position, f"event-{position}", epoch)


def step(name: str, start: int, end: int, *changes: Changes, epoch: int = 1) -> Advance:
    return Advance(name, at(start, epoch=epoch) if start else START, at(end, epoch=epoch), changes)


async def save(reads: ReadStore, *rows: Any) -> None:
    table = table_of(type(rows[0]))
    await reads.install([table])
    assert await reads.save([step(table.name, 0, 1, Changes(table, rows))]) == [True]


ROWS = [
    Everything(key="defaults"),
    Everything(
        key="largest",
        number=2**63 - 1,
        truth=True,
        share=1e308,
        amount=Decimal("123456789012345678901234567890.123456789"),
        day=date(9999, 12, 31),
        moment=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        span=timedelta(days=100_000, microseconds=1),
        id=UUID(int=2**128 - 1),
        tier=Tier.HIGH,
        word="b",
        address=Address(street="Ünter 'den' \"Linden\" 日本 \\ {}", rent=Decimal("0.10")),
        names=["", "a,b", '"', "NULL", "{}"],
        counts={"b": 2, "a": 1},
        maybe=Decimal("-0.01"),
        nobody=Address(street="", rent=Decimal(0)),
    ),
    Everything(
        key="smallest' \" \\ ; -- 日本",
        number=-(2**63),
        share=-0.1,
        amount=Decimal("-1E-9"),
        day=date(1, 1, 1),
        moment=datetime(1, 1, 1, tzinfo=UTC),
        span=timedelta(microseconds=-1),
    ),
    Everything(key="exponent", amount=Decimal("1E+5"), maybe=Decimal("0E-3")),
    Everything(key="elsewhere", moment=datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key.split("'")[0])
async def test_a_row_comes_back_as_it_was(reads: ReadStore, row: Everything) -> None:
    await save(reads, row)
    (by_key,) = await reads.load(EVERYTHING, [row.key])
    assert by_key == row
    assert [type(getattr(by_key, name)) for name in EVERYTHING.names] == [
        type(getattr(row, name)) for name in EVERYTHING.names
    ]
    assert await reads.select(EVERYTHING, "where number = :number", {"number": row.number}) == [row]


async def test_exact_numbers_are_kept_digit_by_digit(reads: ReadStore) -> None:
    await save(reads, Everything(key="a", amount=Decimal("1.50"), maybe=Decimal("1E+5")))
    (row,) = await reads.load(EVERYTHING, ["a"])
    assert (str(row.amount), str(row.maybe)) == ("1.50", "100000")


async def test_rows_are_found_by_keys_of_several_columns(reads: ReadStore) -> None:
    rows = [
        Pair(day=date(2024, 1, day), id=UUID(int=day), amount=Decimal(f"{day}.5"), tier=tier, moment=moment, count=day)
        for day in (1, 2, 3)
        for tier in Tier
        for moment in (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC))
    ]
    await save(reads, *rows)
    keys = [(row.day, row.id, row.amount, row.tier, row.moment) for row in rows]
    missing = (date(2024, 1, 4), *keys[0][1:])
    found = await reads.load(PAIR, [keys[0], missing, keys[7]])
    assert sorted(found, key=lambda row: row.count) == [rows[0], rows[7]]


async def test_a_table_of_keys_alone_can_be_written_again(reads: ReadStore) -> None:
    await save(reads, Keys(key=1), Keys(key=-5))
    assert await reads.save([step("keys", 1, 2, Changes(KEYS, [Keys(key=1)]))]) == [True]
    assert await reads.select(KEYS, "order by key", {}) == [Keys(key=-5), Keys(key=1)]


async def test_a_row_is_replaced_by_the_next_one_with_its_key(reads: ReadStore) -> None:
    await save(reads, Everything(key="a", number=1), Everything(key="b", number=1))
    assert await reads.save([step("everything", 1, 2, Changes(EVERYTHING, [Everything(key="a", number=2)]))]) == [True]
    assert [(row.key, row.number) for row in await reads.select(EVERYTHING, "order by key", {})] == [("a", 2), ("b", 1)]


async def test_thousands_of_rows_are_written_and_loaded_at_once(reads: ReadStore) -> None:
    rows = [Everything(key=f"{number:05}", number=number) for number in range(3000)]
    await save(reads, *rows)
    found = await reads.load(EVERYTHING, [row.key for row in rows[::2]])
    assert sorted(found, key=lambda row: row.number) == rows[::2]


async def test_many_new_rows_are_written_as_single_ones_are(reads: ReadStore) -> None:
    class Article(ReadModel):
        key: Key[int]
        title: Searchable[str] = ""
        tags: Searchable[list[str]] = []
        amount: Decimal | None = None
        said: str = ""

    table = table_of(Article)
    rows = [
        Article(
            key=number,
            title=f"Füße {number % 9} o'Hara \\N",
            tags=["", "Łódź", "ß" * 50] if number % 2 else [],
            amount=Decimal(f"{number}.10") if number % 3 else None,
            said="a\tb\n\\.",
        )
        for number in range(333)
    ]
    await reads.install([table])
    assert await reads.save([step("article", 0, 1, Changes(table, rows[:300], are_new=True))]) == [True]
    assert await reads.save([step("article", 1, 2, Changes(table, rows[300:]))]) == [True]
    assert await reads.select(table, "order by key", {}) == rows
    for text in ("fusse 3", "łódź", "s" * 60, "hara fu n"):
        found = {row.key for row in await reads.select(table, "where matches(article, :text)", {"text": text})}
        kinds = {frozenset(key % 18 for key in found if low <= key < high) for low, high in ((0, 300), (300, 333))}
        assert found
        assert len(kinds) == 1


async def test_a_value_that_cannot_be_kept_among_many_new_rows_leaves_none_of_them(reads: ReadStore) -> None:
    bad = [*(Everything(key=str(number)) for number in range(300)), Everything(key="late", number=2**63)]
    await reads.install([EVERYTHING])
    with pytest.raises(StoreRefusedError) as refused:
        await reads.save([step("everything", 0, 1, Changes(EVERYTHING, bad, are_new=True))])
    assert refused.value.reason == "value"
    assert await reads.select(EVERYTHING, "", {}) == []
    assert await reads.checkpoints(["everything"]) == {}
    assert await reads.save([step("everything", 0, 1, Changes(EVERYTHING, bad[:-1], are_new=True))]) == [True]


async def test_dicts_keep_their_order_and_sets_are_sorted(reads: ReadStore) -> None:
    class Orders(ReadModel):
        key: Key[str]
        counts: dict[str, int]
        words: set[str]

    row = Orders(key="a", counts={"bb": 1, "a": 2, "c": 3}, words={"f", "b", "e", "a"})
    await save(reads, row)
    (found,) = await reads.load(table_of(Orders), ["a"])
    assert (found, list(found.counts)) == (row, ["bb", "a", "c"])
    (text,) = (await reads.query("select words from orders", {})).rows
    assert list(text) == ['["a","b","e","f"]']


# --- Checkpoints ----------------------------------------------------------------------------------------------------


async def test_a_subscription_that_never_moved_has_no_checkpoint(reads: ReadStore) -> None:
    assert await reads.checkpoints(["everything"]) == {}


async def test_a_checkpoint_comes_back_with_all_that_it_says(reads: ReadStore) -> None:
    assert await reads.save([step("a", 0, 3), step("b", 0, 5)]) == [True, True]
    assert await reads.checkpoints(["a", "b", "c"]) == {"a": at(3), "b": at(5)}


async def test_who_comes_from_another_position_or_epoch_writes_nothing(reads: ReadStore) -> None:
    await save(reads, Everything(key="a", number=1))
    late = Changes(EVERYTHING, [Everything(key="a", number=99)])
    assert await reads.save([step("everything", 0, 2, late)]) == [False]
    assert await reads.save([step("everything", 2, 3, late)]) == [False]
    assert await reads.save([step("everything", 1, 2, late, epoch=2)]) == [False]
    assert await reads.save([step("nobody", 7, 8, late)]) == [False]
    assert await reads.checkpoints(["everything", "nobody"]) == {"everything": at(1)}
    assert [row.number for row in await reads.load(EVERYTHING, ["a"])] == [1]


async def test_one_that_is_late_does_not_hold_up_the_others(reads: ReadStore) -> None:
    await reads.install([EVERYTHING, KEYS])
    await reads.save([step("everything", 0, 1)])
    late = step("everything", 0, 5, Changes(EVERYTHING, [Everything(key="late")]))
    assert await reads.save([late, step("keys", 0, 5, Changes(KEYS, [Keys(key=1)]))]) == [False, True]
    assert await reads.select(EVERYTHING, "", {}) == []
    assert await reads.select(KEYS, "", {}) == [Keys(key=1)]


async def test_of_rivals_exactly_one_moves_a_checkpoint(reads: ReadStore, reads_url: str) -> None:
    await reads.install([KEYS])
    stores = [reads] if reads_url == "sqlite://" else [reads, read_store(reads_url), read_store(reads_url)]
    for store in stores[1:]:
        await store.open()
    for position in range(10):
        verdicts = await asyncio.gather(
            *(
                store.save([step("keys", position, position + 1, Changes(KEYS, [Keys(key=100 * position + number)]))])
                for number, store in enumerate(stores * 3)
            )
        )
        assert sorted(verdicts) == [[False]] * (len(stores) * 3 - 1) + [[True]]
    assert len(await reads.select(KEYS, "", {})) == 10
    for store in stores[1:]:
        await store.close()


async def test_what_cannot_be_kept_leaves_rows_and_checkpoints_alone(reads: ReadStore) -> None:
    await reads.install([EVERYTHING, KEYS])
    for odd in (
        Everything(key="a", number=2**63),
        Everything(key="a", share=float("nan")),
        Everything(key="a", amount=Decimal("Infinity")),
        Everything(key="a", moment=datetime(2024, 1, 1)),  # noqa: DTZ001 - a time without a zone is the point
        Everything(key="a", names=["\0"]),
        Everything(key="a", day=None),  # type: ignore[arg-type]
        Everything(key="a", number="x"),  # type: ignore[arg-type]
    ):
        with pytest.raises(StoreError):
            await reads.save([step("keys", 0, 1), step("everything", 0, 1, Changes(EVERYTHING, [odd]))])
    assert await reads.checkpoints(["everything", "keys"]) == {}
    assert await reads.select(EVERYTHING, "", {}) == []


# --- Tables ---------------------------------------------------------------------------------------------------------


async def test_installing_again_changes_nothing(reads: ReadStore) -> None:
    await save(reads, Everything(key="a"))
    await reads.install([EVERYTHING])
    assert await reads.checkpoints(["everything"]) == {"everything": at(1)}
    assert await reads.select(EVERYTHING, "", {}) == [Everything(key="a")]


async def test_a_changed_definition_is_refused_with_the_remedy(reads: ReadStore) -> None:
    await save(reads, Keys(key=1))
    changed = msgspec.structs.replace(EVERYTHING, name="keys")
    other_events = msgspec.structs.replace(KEYS, folds=("FamilyEnrolled",))
    with pytest.raises(StoreRefusedError, match="changed: from: nothing -> FamilyEnrolled. A rebuild"):
        await reads.install([other_events])
    with pytest.raises(
        StoreRefusedError, match=r"changed: column key: int -> text\. .*projections rebuild keys"
    ) as refused:
        await reads.install([changed])
    assert refused.value.reason == "definition-changed"
    assert await reads.select(KEYS, "", {}) == [Keys(key=1)]


async def test_a_table_that_was_dropped_is_filled_from_the_first_event_again(reads: Any) -> None:
    await save(reads, Keys(key=1), Keys(key=2))
    await statement(reads, "drop table keys")
    await reads.install([msgspec.structs.replace(KEYS, folds=("FamilyEnrolled",))])
    assert await reads.checkpoints(["keys"]) == {}
    assert await reads.select(KEYS, "", {}) == []


async def test_what_tables_were_made_from_is_known_of_those_that_are_there(reads: ReadStore) -> None:
    await reads.install([KEYS, EVERYTHING])
    assert await reads.definitions(["keys", "nothing"]) == {"keys": KEYS.definition}
    await statement(reads, "drop table keys")
    assert await reads.definitions(["keys", "everything"]) == {"everything": EVERYTHING.definition}


async def test_a_projection_in_sql_is_known_by_its_own_name_whatever_its_tables_are_called(reads: ReadStore) -> None:
    totals = Layout("totals", ("sums",), "create table sums (n integer)", "made from nothing")
    await reads.install([], [totals])
    assert await reads.definitions([], ["totals"]) == {"totals": "made from nothing"}
    assert await reads.definitions(["totals"]) == {}


async def test_a_table_of_somebody_else_is_left_alone(reads: Any) -> None:
    await statement(reads, "create table keys (mine integer)")
    with pytest.raises(StoreRefusedError, match="There is a table or view keys that is not a read model") as refused:
        await reads.install([KEYS])
    assert refused.value.reason == "foreign"


@pytest.mark.parametrize("reads_url", ["file", "postgres"], indirect=True)
async def test_rows_and_checkpoints_outlive_a_restart(reads_url: str) -> None:
    first, second = read_store(reads_url), read_store(reads_url)
    await first.open()
    await save(first, Keys(key=1))
    await first.close()
    await second.open()
    assert await second.checkpoints(["keys"]) == {"keys": at(1)}
    assert await second.select(KEYS, "", {}) == [Keys(key=1)]
    await second.close()


# --- Questions ------------------------------------------------------------------------------------------------------


async def test_parameters_are_compared_as_their_columns_are(reads: ReadStore) -> None:
    row = ROWS[1]
    await save(reads, row, Everything(key="other"))
    for name in ("number", "truth", "amount", "day", "moment", "span", "id", "tier", "word", "maybe"):
        value = getattr(row, name)
        assert await reads.select(EVERYTHING, f"where {name} = :value", {"value": value}) == [row], name


async def test_exact_numbers_sort_and_add_as_numbers(reads: ReadStore) -> None:
    amounts = ["9.5", "10", "100.10", "-3", "0.1", "0.2"]
    await save(reads, *(Everything(key=f"{n}", amount=Decimal(a), word="a") for n, a in enumerate(amounts)))
    found = await reads.select(EVERYTHING, "where amount > 0 order by amount desc", {})
    assert [str(row.amount) for row in found] == ["100.10", "10", "9.5", "0.2", "0.1"]
    total = await reads.query("select decimal_sum(amount) as total from everything", {})
    assert (list(total.columns), [list(row) for row in total.rows]) == (["total"], [["116.90"]])
    by_tenth = (
        "select number, decimal_sum(amount) filter (where amount < :max) as total from everything "
        "group by number having decimal_sum(amount) > :min order by decimal_sum(amount)"
    )
    (row,) = (await reads.query(by_tenth, {"min": Decimal(20), "max": Decimal(50)})).rows
    assert list(row) == [0, "16.8"]


async def test_texts_sort_by_their_bytes(reads: ReadStore) -> None:
    await save(reads, *(Everything(key=key) for key in ("b", "B", "a", "ä", "_", "A")))
    assert [row.key for row in await reads.select(EVERYTHING, "order by key", {})] == ["A", "B", "_", "a", "b", "ä"]


@pytest.mark.parametrize("reads_url", ["postgres"], indirect=True)  # SQLite knows no locales.
async def test_texts_sort_by_their_bytes_whatever_the_locale_of_the_database(reads: ReadStore) -> None:
    await save(reads, Everything(key="a"))
    found = await reads.query("select pg_collation_for(key), pg_collation_for(tier) from everything", {})
    assert [list(row) for row in found.rows] == [['"C"', '"C"']]


async def test_a_question_cannot_change_what_keeps_it_from_writing(reads: ReadStore) -> None:
    for local in ("true", "false"):
        with pytest.raises(QueryError):
            await reads.query(f"select set_config('default_transaction_read_only', 'off', {local})", {})
    with pytest.raises(QueryError):
        await reads.query("delete from everything returning key", {})


async def test_documents_can_be_looked_into(reads: ReadStore) -> None:
    await save(reads, Everything(key="a", names=["x", "y"]), Everything(key="b"))
    found = await reads.query(
        "select names ->> 1 as second, address ->> 'street' as street from everything where key = :key", {"key": "a"}
    )
    assert [list(row) for row in found.rows] == [["y", "High St"]]


@pytest.mark.parametrize(
    "sql",
    [
        "insert into keys (key) values (1)",
        "delete from keys",
        "update keys set key = 3",
        "drop table keys",
        "create table mine (a integer)",
        "delete from keys returning key",
    ],
)
async def test_a_question_cannot_write(reads: ReadStore, sql: str) -> None:
    await save(reads, Keys(key=7))
    with pytest.raises(QueryError, match="A question cannot write"):
        await reads.query(sql, {})
    assert await reads.select(KEYS, "", {}) == [Keys(key=7)]


@pytest.mark.parametrize(
    ("sql", "params", "message"),
    [
        ("select nothing from keys", {}, "refused: .*nothing"),
        ("select * from nowhere", {}, "refused: .*nowhere"),
        ("selec", {}, "refused: .*selec"),
        ("select 1; select 2", {}, "More than one statement"),
        ("select key from keys where key = :key", {}, "no value for :key"),
        ("select key from keys", {"key": 1}, "nothing asks for key"),
        ("select key from keys where key = :key", {"key": object()}, "refused"),
        ("select key from keys where key = :key", {"key": 2**64}, "refused"),
    ],
)
async def test_a_mistake_in_a_question_is_the_questions(
    reads: ReadStore, sql: str, params: dict[str, object], message: str
) -> None:
    await save(reads, Keys(key=7))
    with pytest.raises(QueryError, match=message):
        await reads.query(sql, params)


async def test_sql_in_a_parameter_stays_a_parameter(reads: ReadStore) -> None:
    await save(reads, Everything(key="a"))
    assert await reads.select(EVERYTHING, "where key = :key", {"key": "a' or '1' = '1"}) == []


ENDLESS = "with recursive forever(n) as (select 1 union all select n + 1 from forever) select count(*) from forever"


async def test_a_question_that_never_ends_is_ended(reads_url: str) -> None:
    store: Any = read_store(reads_url)
    impatient = type(store)(_place(reads_url), query_seconds=0.2)
    await impatient.open()
    try:
        with pytest.raises(QueryError, match=r"took longer than 0\.2 s"):
            await impatient.query(ENDLESS, {})
    finally:
        await impatient.close()


async def test_a_long_question_does_not_hold_up_short_ones(reads: ReadStore) -> None:
    await save(reads, Keys(key=7))
    long = asyncio.create_task(
        reads.query(
            "with recursive several(n) as (select 1 union all select n + 1 from several where n < 300000) "
            "select count(*) as found from several",
            {},
        )
    )
    await asyncio.sleep(0)
    assert await reads.select(KEYS, "", {}) == [Keys(key=7)]
    assert [list(row) for row in (await long).rows] == [[300000]]


def _place(url: str) -> Any:
    place = parse_url(url)
    return place.reads_path if isinstance(place, SqliteURL) else place.dsn


# --- Notes ----------------------------------------------------------------------------------------------------------

NOTE = Note(3, "fold", "it cannot take it: \\0 'ü' \U0001f600", '{"key":["a",1],"reason":"no"}')


async def test_a_note_comes_back_as_it_was_until_it_is_removed(reads: ReadStore) -> None:
    assert await reads.notes(["a", "b"]) == {}
    await reads.note("a", NOTE)
    assert await reads.notes(["a", "b"]) == {"a": NOTE}
    await reads.note("a", msgspec.structs.replace(NOTE, position=4))
    assert (await reads.notes(["a"]))["a"].position == 4
    await reads.note("a", None)
    await reads.note("b", None)
    assert await reads.notes(["a", "b"]) == {}


async def test_a_note_says_when_by_the_clock_of_the_database(reads: ReadStore) -> None:
    await reads.note("a", NOTE)
    assert (await reads.query("select name from twofold_errors where recorded_at is not null", {})).rows[0][0] == "a"
