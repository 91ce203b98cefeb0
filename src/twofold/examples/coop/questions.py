"""What one may ask the co-op. Read models are tables, so the answers are SQL; the same text runs on both databases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from twofold import Query, Reader, answers
from twofold.examples.coop.analytics import PaymentAnalytics
from twofold.examples.coop.at_risk import AtRiskFamily
from twofold.examples.coop.events import Score
from twofold.examples.coop.read_models import FamilyView
from twofold.examples.coop.risk import AT_RISK_MIN, RiskTier

Count = Annotated[int, Meta(ge=1, le=1000)]


class GetFamily(Query[FamilyView | None]):
    family_id: str


class ListAtRiskFamilies(Query[list[AtRiskFamily]]):
    """Those most at risk first."""

    min_risk_score: Score = AT_RISK_MIN
    count: Count = 20


class FamiliesInTier(Struct, frozen=True):
    """``average_engagement`` is over those that have a score; None where nobody has."""

    risk_tier: RiskTier
    families: int
    average_risk_score: float
    average_engagement: float | None
    owed: Decimal


class FamiliesByRiskTier(Query[list[FamiliesInTier]]):
    """The active families, tier by tier, from critical to low."""


class EnrolledInMonth(Struct, frozen=True):
    risk_tier: RiskTier
    enrollment_month: date
    families: int
    average_engagement: float | None


class EnrollmentReport(Query[list[EnrolledInMonth]]):
    """All families, also those that left, by risk tier (from critical to low) and month of enrollment."""


class GetPaymentAnalytics(Query[list[PaymentAnalytics]]):
    """Month by month, from one to another, both included. Any day of a month stands for it."""

    from_month: date = date.min
    to_month: date = date.max


class SearchFamilies(Query[list[FamilyView]]):
    """As you type: every word of the text begins one of the family's name, the parent's or a child's."""

    text: Annotated[str, Meta(min_length=1, max_length=80)]
    count: Count = 10


@answers
async def get_family(query: GetFamily, read: Reader) -> FamilyView | None:
    return await read.one(FamilyView, "where family_id = :family_id", family_id=query.family_id)


@answers
async def list_at_risk(query: ListAtRiskFamilies, read: Reader) -> list[AtRiskFamily]:
    worst_first = "where risk_score >= :min order by risk_score desc, family_id limit :count"
    return await read.all(AtRiskFamily, worst_first, min=query.min_risk_score, count=query.count)


@answers
async def families_by_risk_tier(query: FamiliesByRiskTier, read: Reader) -> list[FamiliesInTier]:
    return await read.all(
        FamiliesInTier,
        """
        select risk_tier, count(*) as families, avg(risk_score) as average_risk_score,
               avg(engagement_score) as average_engagement, sum(owed) as owed
        from family_view
        where status = 'active'
        group by risk_tier
        order by max(risk_score) desc  -- Tiers are ranges of the score.
        """,
    )


@answers
async def enrollment_report(query: EnrollmentReport, read: Reader) -> list[EnrolledInMonth]:
    return await read.all(
        EnrolledInMonth,
        """
        select risk_tier, enrollment_month, count(*) as families, avg(engagement_score) as average_engagement
        from family_view
        group by risk_tier, enrollment_month
        order by max(max(risk_score)) over (partition by risk_tier) desc, enrollment_month
        """,
    )


@answers
async def get_payment_analytics(query: GetPaymentAnalytics, read: Reader) -> list[PaymentAnalytics]:
    return await read.all(
        PaymentAnalytics,
        "where month between :first and :last order by month",
        first=query.from_month.replace(day=1),
        last=query.to_month,
    )


@answers
async def search_families(query: SearchFamilies, read: Reader) -> list[FamilyView]:
    # One letter finds thousands: they are sorted by two columns, and only the first few are read whole.
    first_by_name = """
        where family_id in (
            select family_id from family_view where matches(family_view, :text)
            order by family_name, family_id limit :count
        )
        order by family_name, family_id
    """
    return await read.all(FamilyView, first_by_name, text=query.text, count=query.count)
