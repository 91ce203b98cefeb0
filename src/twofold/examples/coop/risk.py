"""How much at risk a family is, and what to do about it: pure functions of its score and the factors behind it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

RiskFactor = Literal["late-payments", "low-attendance", "low-engagement", "no-login", "no-volunteering", "complaint"]
RiskTier = Literal["low", "medium", "high", "critical"]
Intervention = Literal["executive call", "payment plan", "family meeting", "mentor family", "check-in call"]
Priority = Literal["urgent", "high", "normal"]

MEDIUM_MIN, HIGH_MIN, CRITICAL_MIN = 40, 70, 85

AT_RISK_MIN = HIGH_MIN
"""At this score a family is on the list of those at risk, and below it is not."""

YEAR_DAYS, FACTOR_DAYS, NOTICE_DAYS = 365, 7, 7


def tier_of(score: int) -> RiskTier:
    """Low below 40, medium below 70, high below 85, and critical from there."""
    if score >= CRITICAL_MIN:
        return "critical"
    if score >= HIGH_MIN:
        return "high"
    return "medium" if score >= MEDIUM_MIN else "low"


def intervention_for(score: int, factors: Collection[RiskFactor]) -> Intervention:
    """What helps against the gravest thing: a critical score or a complaint, then money, then absence, then the rest."""
    if score >= CRITICAL_MIN or "complaint" in factors:
        return "executive call"
    if "late-payments" in factors:
        return "payment plan"
    if "low-attendance" in factors:
        return "family meeting"
    return "mentor family" if "low-engagement" in factors else "check-in call"


def priority_of(score: int, factors: Collection[RiskFactor]) -> Priority:
    """Urgent for a critical score or a complaint, high for at least three factors, and otherwise normal."""
    if score >= CRITICAL_MIN or "complaint" in factors:
        return "urgent"
    return "high" if len(factors) >= 3 else "normal"


def days_until_withdrawal(score: int, factors: Collection[RiskFactor]) -> int:
    """When the family is expected to leave: (100 − score) percent of a year, a week sooner for each factor, at least a week."""
    return max(YEAR_DAYS * (100 - score) // 100 - FACTOR_DAYS * len(factors), NOTICE_DAYS)
