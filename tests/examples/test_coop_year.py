"""A year of the co-op on each database: every row is what the independent computation says."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import asdict

from tests.examples.coop_truth import Row, Truth
from tests.examples.test_import import GoesAway
from twofold import App, ReadModel
from twofold.errors import StoreUnavailableError
from twofold.examples.coop.analytics import PaymentAnalytics
from twofold.examples.coop.app import coop
from twofold.examples.coop.at_risk import AtRiskFamily
from twofold.examples.coop.generator import COHORT_MAX, cohorts_of
from twofold.examples.coop.read_models import FamilyView
from twofold.examples.coop.sender import Year, send_year
from twofold.projections import table_of

FEW = 40


def truth_of(families: int) -> Truth:
    return Truth(wish.command for wish in chain.from_iterable(cohorts_of(families)))


@pytest.fixture(scope="module")
def families(campaign: bool) -> int:
    return 1000 if campaign else 150


@pytest.fixture(scope="module")
def truth(families: int) -> Truth:
    return truth_of(families)


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with coop(store_url) as running:
        yield running


async def rows_of(app: App, cls: type[ReadModel], key: str) -> dict[Any, Row]:
    rows = await app.reads.select(table_of(cls), "", {})
    return {getattr(row, key): asdict(row) for row in rows}


async def must_agree(app: App, done: Year, truth: Truth) -> None:
    await app.settle(timeout_seconds=100)
    newest = {recorded.stream: recorded.metadata.recorded_at async for recorded in app.events()}
    for family_id, row in truth.families.items():
        row["last_updated"] = newest[f"family-{family_id}"]
    assert await rows_of(app, FamilyView, "family_id") == truth.families
    assert await rows_of(app, AtRiskFamily, "family_id") == truth.at_risk
    assert await rows_of(app, PaymentAnalytics, "month") == truth.months
    assert done.refused == truth.refused
    assert set(done.refusals) == {"withdrawn", "already-enrolled"}


async def test_every_row_of_a_year_is_what_lists_and_loops_say_and_sending_it_again_changes_nothing(
    app: App, truth: Truth, families: int
) -> None:
    first = await send_year(app, families)
    await must_agree(app, first, truth)
    head = await app.head()
    second = await send_year(app, families)
    assert await app.head() == head
    assert second.replayed == sum(second.accepted.values()) == sum(first.accepted.values())


def test_a_year_has_everything_in_it(truth: Truth, families: int) -> None:
    rows, months = truth.families.values(), truth.months.values()
    assert len(rows) == families
    assert families / 50 < len(truth.at_risk) < families / 5
    assert len({row["recommended_intervention"] for row in truth.at_risk.values()}) == 5
    assert {row["risk_tier"] for row in rows} == {"low", "medium", "high", "critical"}
    assert {row["status"] for row in rows} == {"active", "withdrawn"}
    assert all(row["paid_on_time"] and row["paid_late"] for row in months if row["expected"])
    assert any(row["overdue"] for row in months)
    assert len({row["median_days_late"] for row in months}) > 2
    assert any(row["owed"] for row in rows)


async def test_a_year_that_was_broken_off_goes_on_where_it_was(app: App) -> None:
    with pytest.raises(StoreUnavailableError):
        await send_year(cast(App, GoesAway(app, after=500)), FEW)
    done = await send_year(app, FEW)
    assert 300 < done.replayed <= 500
    await app.settle()
    assert (await rows_of(app, PaymentAnalytics, "month")) == truth_of(FEW).months


async def test_both_databases_hold_the_same_events(tmp_path: Path, postgres_url: str) -> None:
    found: list[Counter[tuple[str, bytes]]] = []
    for url in (f"sqlite:///{tmp_path}/coop.db", postgres_url):
        async with coop(url) as app:
            await send_year(app, FEW)
            found.append(Counter([(recorded.stream, recorded.data) async for recorded in app.events()]))
    assert found[0] == found[1]


def test_the_same_seed_gives_the_same_year_and_another_seed_another() -> None:
    assert list(cohorts_of(FEW, seed=3)) == list(cohorts_of(FEW, seed=3))
    assert list(cohorts_of(FEW, seed=3)) != list(cohorts_of(FEW, seed=4))


def test_more_families_do_not_change_what_the_first_ones_do_and_only_a_cohort_is_in_memory() -> None:
    few, more = list(cohorts_of(FEW)), cohorts_of(COHORT_MAX + FEW)
    first = next(more)
    names = {wish.lane for wish in few[0]}
    assert [wish for wish in first if wish.lane in names] == few[0]
    assert len({wish.lane for wish in first}) == COHORT_MAX
    assert [len({wish.lane for wish in cohort}) for cohort in more] == [FEW]
