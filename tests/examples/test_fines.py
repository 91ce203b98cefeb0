"""34,724 real events through the co-op's account: what is settled, what is not, and what goes to collection."""

from __future__ import annotations

import os
from collections.abc import Collection
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from tests.examples.fines import FineView, fines, rows_of, wishes_of
from twofold import App
from twofold.examples.sending import Refusal, Sending, Wish, send_all
from twofold.projections import table_of

VARIABLE = "TWOFOLD_FINES"
FILE = Path(os.environ.get(VARIABLE, Path(__file__).parents[3] / "shared" / "data" / "road_traffic_fines_10k.csv.gz"))


@pytest.fixture
def file() -> Path:
    if not FILE.exists():
        pytest.skip(f"The fines are not here (looked for: {FILE}); {VARIABLE} may name the file.")
    return FILE


def charged_and_paid(file: Path) -> dict[str, tuple[Decimal, Decimal]]:
    """The last amount with all expenses, and the last total of payments, by case, as the file says them."""
    amounts: dict[str, Decimal] = {}
    expenses: dict[str, Decimal] = {}
    totals: dict[str, Decimal] = {}
    for row in rows_of(file):
        case = row["case_id"]
        amounts[case] = Decimal(row["amount"] or amounts[case])
        expenses[case] = expenses.get(case, Decimal(0)) + Decimal(row["expense"] or 0)
        totals[case] = Decimal(row["totalpaymentamount"] or totals[case])
    return {case: (amounts[case] + expenses[case], totals[case]) for case in amounts}


async def sent(app: App, wishes: Collection[Wish]) -> list[FineView]:
    def no_refusal(wish: Wish, error: Refusal) -> None:
        raise error

    progress = Sending()
    await send_all(app, wishes, progress, no_refusal)
    await app.settle(timeout_seconds=100)
    assert progress.done == (await app.head()).position == len(wishes)
    return await app.reads.select(table_of(FineView), "", {})


@pytest.fixture
def cases_max(store_url: str, campaign: bool) -> int:
    """On PostgreSQL, where they take longest, a part of them will do for every day."""
    return 10_000 if campaign or not store_url.startswith("postgres") else 2_500


async def test_4313_fines_settle_exactly_and_of_3387_sent_to_collection_none_is_fully_paid(
    store_url: str, file: Path, cases_max: int
) -> None:
    expected = dict(islice(charged_and_paid(file).items(), cases_max))
    async with fines(store_url) as app:
        rows = await sent(app, [wish for wish in wishes_of(file) if wish.lane in expected])
    assert {row.case_id: (row.charged, row.paid) for row in rows} == expected
    exactly = [row for row in rows if row.paid and row.charged == row.paid]
    assert all(row.settled == row.paid and row.open_charges == 0 for row in exactly)
    collected = [row for row in rows if row.collected]
    if cases_max == 10_000:
        assert (len(rows), len(exactly), len(collected)) == (10_000, 4_313, 3_387)
    assert all(row.open_charges > 0 and row.settled < row.charged for row in collected)
    assert {row.case_id for row in rows if not row.open_charges} == {
        row.case_id for row in rows if row.paid >= row.charged
    }
