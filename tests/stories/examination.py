"""Whether a log is in order, and whether read models are what the log up to their checkpoint adds up to."""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

import msgspec

from tests.stories.till import SalesByAmount, TillView
from twofold.config import parse_places
from twofold.projections import ReadStore, define
from twofold.rooms import rooms_for
from twofold.store.port import EventStore, Row

Model: TypeAlias = type[TillView] | type[SalesByAmount]

MODELS: tuple[Model, ...] = (TillView, SalesByAmount)


async def positions(store: str, reads: str | None = None) -> tuple[int, list[int]]:
    """Where the log ends and where each read model stands, whose rows must be the fold of the log up to there."""
    rooms = rooms_for(parse_places(store, reads), migrate=True)
    await rooms.open()
    try:
        rows = await everything(rooms.log)
        must_be_in_order(rows)
        return len(rows), [await folded_up_to(rooms.reads, rows, model) for model in MODELS]
    finally:
        await rooms.close()


async def everything(log: EventStore) -> list[Row]:
    page = await log.read(count_max=1_000_000, bytes_max=1 << 40)
    assert not page.full
    return list(page.rows)


def must_be_in_order(rows: list[Row]) -> None:
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    versions: Counter[str] = Counter()
    for row in rows:
        versions[row[1]] += 1
        assert row[2] == versions[row[1]]


async def folded_up_to(reads: ReadStore, rows: list[Row], model: Model) -> int:
    """Where the read model's checkpoint stands; its rows are what the log up to there adds up to."""
    table = define(model).table
    await reads.install([table])
    kept: list[TillView | SalesByAmount] = []
    survey = await reads.survey(table, (), lambda _, some: kept.extend(some))  # One moment, whoever folds meanwhile.
    position = min((at.position for at in survey.checkpoints.values()), default=0)
    found = sorted(kept, key=repr)
    assert found == sorted(expected(rows[:position], model), key=repr), f"{table.name} at {position}"
    return position


def expected(rows: list[Row], model: Model) -> list[TillView | SalesByAmount]:
    """The same rows, added up without any of our own code."""
    if model is SalesByAmount:
        sold = Counter(amount_in(row) for row in rows if row[3] == "RangUp")
        return [SalesByAmount(amount=amount, count=count) for amount, count in sold.items()]
    changes, cash = Counter(row[1] for row in rows), Counter[str]()
    for row in rows:
        cash[row[1]] += amount_in(row)
    return [TillView(till=each.partition("-")[2], cash=cash[each], changes=changes[each]) for each in changes]


def amount_in(row: Row) -> int:
    amount: int = msgspec.json.decode(row[5])["amount"]
    return amount
