"""What a year came to: the answers of the co-op beside the sums of what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from twofold import App
from twofold.examples.coop.analytics import PaymentAnalytics
from twofold.examples.coop.at_risk import AtRiskFamily
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
from twofold.examples.coop.read_models import FamilyView
from twofold.examples.coop.sender import Year

TYPED = "no"
"""What somebody has typed so far who searches for a family."""


class Rates(Struct, frozen=True):
    """How fast the commands went in; ``p50_ms`` and ``p99_ms`` are the latency of one, among many at a time."""

    seconds: float
    commands_per_second: float
    events_per_second: float
    p50_ms: float
    p99_ms: float


class Outcome(Struct, frozen=True):
    """The answers. ``paid`` and ``charged`` were sent, ``collected`` and ``expected`` are what the read models make of it."""

    agrees: bool
    paid: Decimal
    collected: Decimal
    charged: Decimal
    expected: Decimal
    tiers: Sequence[FamiliesInTier]
    at_risk: Sequence[AtRiskFamily]
    months: Sequence[PaymentAnalytics]
    enrollments: Sequence[EnrolledInMonth]
    typed: str
    found: Sequence[FamilyView]
    family: FamilyView | None
    refusals: Mapping[str, int]
    counts: Mapping[str, int]
    rates: Rates


async def outcome_of(app: App, done: Year, family_id: str) -> Outcome:
    """Ask the co-op every question it knows, after everything that was sent; one family is looked at closely."""
    months = await app.ask(GetPaymentAnalytics(), after=done.token)
    collected = sum((month.collected for month in months), Decimal(0))
    expected = sum((month.expected for month in months), Decimal(0))
    events = (await app.head()).position
    return Outcome(
        agrees=(collected, expected) == (done.paid, done.charged),
        paid=done.paid,
        collected=collected,
        charged=done.charged,
        expected=expected,
        tiers=await app.ask(FamiliesByRiskTier(), after=done.token),
        at_risk=await app.ask(ListAtRiskFamilies(count=5), after=done.token),
        months=months,
        enrollments=await app.ask(EnrollmentReport(), after=done.token),
        typed=TYPED,
        found=await app.ask(SearchFamilies(text=TYPED, count=5), after=done.token),
        family=await app.ask(GetFamily(family_id=family_id), after=done.token),
        refusals=done.refusals,
        counts={"commands": done.done, "replayed": done.replayed, "refused": done.refused, "events": events},
        rates=_rates(done, events),
    )


def _rates(done: Year, events: int) -> Rates:
    seconds = max(done.seconds, 1e-9)
    return Rates(
        seconds=round(seconds, 3),
        commands_per_second=round(done.done / seconds),
        events_per_second=round(events / seconds),
        p50_ms=round(done.latency_ms(0.5), 3),
        p99_ms=round(done.latency_ms(0.99), 3),
    )
