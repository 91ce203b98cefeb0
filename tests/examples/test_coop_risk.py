"""How much at risk a family is, and what follows from it."""

from __future__ import annotations

import pytest

from twofold.examples.coop.risk import (
    Intervention,
    Priority,
    RiskFactor,
    RiskTier,
    days_until_withdrawal,
    intervention_for,
    priority_of,
    tier_of,
)


@pytest.mark.parametrize(
    ("score", "tier"),
    [
        (0, "low"),
        (39, "low"),
        (40, "medium"),
        (69, "medium"),
        (70, "high"),
        (84, "high"),
        (85, "critical"),
        (100, "critical"),
    ],
)
def test_a_tier_is_a_range_of_the_score(score: int, tier: RiskTier) -> None:
    assert tier_of(score) == tier


@pytest.mark.parametrize(
    ("score", "factors", "intervention", "priority"),
    [
        (70, [], "check-in call", "normal"),
        (70, ["no-login"], "check-in call", "normal"),
        (70, ["no-login", "low-engagement"], "mentor family", "normal"),
        (70, ["low-engagement", "low-attendance"], "family meeting", "normal"),
        (70, ["low-engagement", "low-attendance", "late-payments"], "payment plan", "high"),
        (70, ["late-payments", "complaint"], "executive call", "urgent"),
        (85, ["late-payments"], "executive call", "urgent"),
    ],
)
def test_the_gravest_thing_says_what_to_do_and_how_soon(
    score: int, factors: list[RiskFactor], intervention: Intervention, priority: Priority
) -> None:
    assert intervention_for(score, factors) == intervention
    assert priority_of(score, factors) == priority


def test_a_family_is_expected_to_leave_the_sooner_the_higher_its_score_and_the_more_factors_there_are() -> None:
    assert days_until_withdrawal(70, []) == 109
    assert days_until_withdrawal(71, []) == 105
    assert days_until_withdrawal(70, ["no-login", "complaint"]) == 95
    assert days_until_withdrawal(100, ["no-login"]) == 7
