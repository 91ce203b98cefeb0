"""The co-op's questions on each database, over a few families that one can count by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest
import pytest_asyncio

from tests.postgres_server import own_schemas
from tests.read_stores import asking
from twofold import App, Command, Receipt
from twofold.examples.coop.app import coop
from twofold.examples.coop.commands import (
    AddChild,
    ChargeTuition,
    EnrollFamily,
    ReceivePayment,
    UpdateEngagementScore,
    UpdateRiskScore,
    WithdrawFamily,
)
from twofold.examples.coop.questions import (
    EnrolledInMonth,
    EnrollmentReport,
    FamiliesByRiskTier,
    FamiliesInTier,
    GetFamily,
    GetPaymentAnalytics,
    ListAtRiskFamilies,
    SearchFamilies,
)

pytestmark = asking

AUGUST, SEPTEMBER, OCTOBER = date(2024, 8, 1), date(2024, 9, 1), date(2024, 10, 1)

# Family name, parent, child, month of enrollment, engagement, risk.
FAMILIES = {
    "f-1": ("Smith", "Ann Smith", "Bo", AUGUST, 80, 10),
    "f-2": ("Novák", "Jana Nováková", "Zoë", AUGUST, 61, 20),
    "f-3": ("Okafor", "Smitha Rao", "Ada", SEPTEMBER, None, 90),
    "f-4": ("Park", "Min Park", "Bonnie", SEPTEMBER, 30, 72),
    "f-5": ("Ito", "Ken Ito", "Aoi", SEPTEMBER, 20, 71),
}


def commands() -> list[Command]:
    sent: list[Command] = []
    for family_id, (name, parent, child, month, engagement, risk) in FAMILIES.items():
        sent += [
            EnrollFamily(
                family_id=family_id, family_name=name, parent_name=parent, email="a@b.org", enrollment_date=month
            ),
            AddChild(family_id=family_id, child_name=child, birth_date=date(2016, 1, 1), date=month),
            ChargeTuition(family_id=family_id, amount=Decimal("100.10"), due_date=OCTOBER),
            UpdateRiskScore(family_id=family_id, risk_score=risk, date=OCTOBER),
        ]
        if engagement is not None:
            sent.append(UpdateEngagementScore(family_id=family_id, engagement_score=engagement))
    sent.append(ReceivePayment(family_id="f-1", amount=Decimal("0.10"), date=SEPTEMBER, method="cash"))
    sent.append(WithdrawFamily(family_id="f-5", date=OCTOBER))
    return sent


async def sent_to(app: App) -> Receipt:
    *_, newest = [await app.send(command) for command in commands()]
    return newest


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgres"])
async def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    """One on each database, that all questions are put to."""
    if request.param == "sqlite":
        async with coop(f"sqlite:///{tmp_path_factory.mktemp('coop')}/coop.db") as running:
            yield running
        return
    async with own_schemas(request.getfixturevalue("postgres_server_url")) as url, coop(url) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def after(app: App) -> Receipt:
    return await sent_to(app)


async def test_one_family_is_got_or_is_not_there(app: App, after: Receipt) -> None:
    found = await app.ask(GetFamily(family_id="f-2"), after=after)
    assert found is not None
    assert (found.family_name, found.child_names, found.owed) == ("Novák", ["Zoë"], Decimal("100.10"))
    assert await app.ask(GetFamily(family_id="f-9"), after=after) is None


async def test_those_most_at_risk_come_first(app: App, after: Receipt) -> None:
    found = await app.ask(ListAtRiskFamilies(), after=after)
    assert [row.family_id for row in found] == ["f-3", "f-4"]
    assert [row.family_id for row in await app.ask(ListAtRiskFamilies(min_risk_score=73))] == ["f-3"]
    assert [row.family_id for row in await app.ask(ListAtRiskFamilies(count=1))] == ["f-3"]


async def test_tiers_come_in_their_order_with_their_averages(app: App, after: Receipt) -> None:
    assert await app.ask(FamiliesByRiskTier(), after=after) == [
        FamiliesInTier("critical", 1, 90.0, None, Decimal("100.10")),
        FamiliesInTier("high", 1, 72.0, 30.0, Decimal("100.10")),
        FamiliesInTier("low", 2, 15.0, 70.5, Decimal("200.10")),
    ]


async def test_enrollments_are_reported_by_tier_and_month_also_of_those_that_left(app: App, after: Receipt) -> None:
    assert await app.ask(EnrollmentReport(), after=after) == [
        EnrolledInMonth("critical", SEPTEMBER, 1, None),
        EnrolledInMonth("high", SEPTEMBER, 2, 25.0),
        EnrolledInMonth("low", AUGUST, 2, 70.5),
    ]


async def test_payments_are_shown_from_month_to_month(app: App, after: Receipt) -> None:
    every = await app.ask(GetPaymentAnalytics(), after=after)
    assert [(row.month, row.collected, row.outstanding) for row in every] == [
        (SEPTEMBER, Decimal("0.10"), 0),
        (OCTOBER, 0, Decimal("500.40")),
    ]
    assert await app.ask(GetPaymentAnalytics(from_month=date(2024, 10, 31))) == every[1:]
    assert await app.ask(GetPaymentAnalytics(to_month=SEPTEMBER)) == every[:1]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("smi", ["f-3", "f-1"]),
        ("bo", ["f-4", "f-1"]),
        ("novak", ["f-2"]),
        ("zoe", ["f-2"]),
        ("min park", ["f-4"]),
        ("ark", []),
    ],
)
async def test_families_are_found_by_any_name_as_one_types(app: App, after: Receipt, text: str, ids: list[str]) -> None:
    assert [row.family_id for row in await app.ask(SearchFamilies(text=text), after=after)] == ids
