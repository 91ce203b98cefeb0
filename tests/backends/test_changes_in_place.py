"""Definitions that change while rows stay: new columns and indexes are made where the rows are, on each database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

import msgspec

from tests.backends.test_reads import save, step
from tests.read_stores import statement
from twofold.backends.sqlite.reads import SqliteReads
from twofold.messages import Indexed, Key, stored_as
from twofold.projections import Changes, ReadModel, ReadStore, indexed, table_of


class Tier(Enum):
    LOW = "low"
    HIGH = "it's"


@stored_as("view")
class Before(ReadModel):
    key: Key[str]
    number: int = 0


@stored_as("view")
@indexed("tier", "amount desc", where="number > 0 and truth")
class After(ReadModel):
    tier: Tier = Tier.HIGH
    truth: bool = True
    share: float = -0.25
    amount: Decimal = Decimal("-1.50")
    key: Key[str]
    number: Indexed[int] = 0
    day: date = date(2024, 2, 29)
    moment: datetime = datetime(2024, 2, 29, 12, tzinfo=UTC)
    span: timedelta = timedelta(hours=1)
    id: UUID = UUID(int=7)
    text: str = 'it\'s \\ "quoted" 日本 :name'
    names: list[str] = []
    counts: dict[str, int] = msgspec.field(default_factory=lambda: {"it's": 1})
    maybe: Decimal | None = None


BEFORE, AFTER = table_of(Before), table_of(After)


async def indexes(reads: ReadStore) -> set[str]:
    sql = (
        "select name from sqlite_schema where type = 'index' and tbl_name = 'view' and sql is not null"
        if isinstance(reads, SqliteReads)
        else "select indexname from pg_indexes where tablename = 'view' and schemaname = current_schema() "
        "and indexname <> 'view_pkey'"
    )
    return {name for (name,) in await statement(reads, sql)}


async def test_rows_that_are_older_than_a_column_hold_its_default(reads: ReadStore) -> None:
    await save(reads, Before(key="a", number=1), Before(key="b", number=2))
    await reads.install([AFTER])
    assert await reads.select(AFTER, "order by key", {}) == [After(key="a", number=1), After(key="b", number=2)]
    assert await reads.load(AFTER, ["b"]) == [After(key="b", number=2)]
    assert "view" in await reads.checkpoints(["view"])


async def test_rows_with_new_columns_are_written_as_ever(reads: ReadStore) -> None:
    await save(reads, Before(key="a", number=1))
    await reads.install([AFTER])
    row = After(key="a", number=5, tier=Tier.LOW, maybe=Decimal(1), names=["x"])
    assert await reads.save([step("view", 1, 2, Changes(AFTER, [row, After(key="c")]))]) == [True]
    assert await reads.select(AFTER, "order by key", {}) == [row, After(key="c")]


async def test_a_process_that_still_runs_the_older_code_can_write(reads: ReadStore) -> None:
    await save(reads, Before(key="a", number=1))
    await reads.install([AFTER])
    assert await reads.save([step("view", 1, 2, Changes(BEFORE, [Before(key="b", number=7)]))]) == [True]
    assert await reads.load(AFTER, ["b"]) == [After(key="b", number=7)]


async def test_a_change_in_place_is_made_once(reads: ReadStore) -> None:
    await save(reads, Before(key="a"))
    for _ in range(2):
        await reads.install([AFTER])
    assert await indexes(reads) == {index.name for index in AFTER.indexes}


async def test_indexes_follow_their_declarations_and_nobody_elses_is_touched(reads: ReadStore) -> None:
    await save(reads, After(key="a"))
    await statement(reads, "create index mine on view (share)")
    declared = {index.name for index in AFTER.indexes}
    assert len(declared) == 2
    assert await indexes(reads) == declared | {"mine"}
    (one,) = [index for index in AFTER.indexes if not index.where]
    await reads.install([msgspec.structs.replace(AFTER, indexes=(one,))])
    assert await indexes(reads) == {one.name, "mine"}
    await reads.install([msgspec.structs.replace(AFTER, indexes=())])
    assert await indexes(reads) == {"mine"}
    await reads.install([AFTER])
    assert await indexes(reads) == declared | {"mine"}


async def test_a_partial_descending_index_is_what_it_says(reads: ReadStore) -> None:
    await save(reads, After(key="a"))
    sql = (
        "select sql from sqlite_schema where name like 'view_tier%'"
        if isinstance(reads, SqliteReads)
        else "select indexdef from pg_indexes where indexname like 'view_tier%' and schemaname = current_schema()"
    )
    ((made,),) = await statement(reads, sql)
    made = " ".join(made.replace('"', "").replace("(", " ").replace(")", " ").split())
    assert made.endswith(
        ("tier, amount desc where number > 0 and truth", "tier, amount DESC WHERE number > 0 AND truth")
    )
