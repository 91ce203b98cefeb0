"""What the demo shows on a terminal: how far the year is, and the answers as tables."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from twofold.examples.coop.outcome import Outcome
from twofold.examples.coop.questions import EnrolledInMonth
from twofold.examples.coop.sender import Year
from twofold.examples.screen import money, pace, table


def numbers_of(progress: Year) -> Text:
    """How far the year is."""
    return Text(f"{pace(progress)} · {progress.refused:,} refused")


def answers_of(outcome: Outcome) -> list[Table]:
    """A table for each question."""
    return [_months(outcome), _tiers(outcome), _at_risk(outcome), _enrollments(outcome), _found(outcome)]


def _months(outcome: Outcome) -> Table:
    names = ["active", "on time", "late", "overdue", "expected", "collected", "days"]
    shown = table("GetPaymentAnalytics", ["month"], names)
    for month in outcome.months:
        counts = (month.active_families, month.paid_on_time, month.paid_late, month.overdue)
        cells = [f"{count:,}" for count in counts] + [f"{amount:,.0f}" for amount in (month.expected, month.collected)]
        shown.add_row(f"{month.month:%Y-%m}", *cells, _mean(month.average_days_late))
    return shown


def _tiers(outcome: Outcome) -> Table:
    shown = table("FamiliesByRiskTier", ["tier"], ["families", "risk", "engagement", "owed"])
    for tier in outcome.tiers:
        averages = (_mean(tier.average_risk_score), _mean(tier.average_engagement))
        shown.add_row(tier.risk_tier, f"{tier.families:,}", *averages, money(tier.owed))
    return shown


def _at_risk(outcome: Outcome) -> Table:
    shown = table("ListAtRiskFamilies", ["family", "what to do", "priority", "coordinator"], ["risk", "days left"])
    for row in outcome.at_risk:
        who = (row.family_name, row.recommended_intervention, row.priority, row.coordinator or "")
        shown.add_row(*who, str(row.risk_score), str(row.days_until_predicted_withdrawal))
    return shown


def _enrollments(outcome: Outcome) -> Table:
    """A row per month and a column per tier: how many families, and their average engagement."""
    cells = {(row.enrollment_month, row.risk_tier): row for row in outcome.enrollments}
    tiers = list(dict.fromkeys(row.risk_tier for row in outcome.enrollments))
    shown = table("EnrollmentReport", ["enrolled"], tiers)
    for month in sorted({month for month, _ in cells}):
        found = [cells.get((month, tier)) for tier in tiers]
        shown.add_row(f"{month:%Y-%m}", *("" if row is None else _enrolled(row) for row in found))
    return shown


def _enrolled(row: EnrolledInMonth) -> str:
    return f"{row.families:,} ({_mean(row.average_engagement) or '–'})"


def _found(outcome: Outcome) -> Table:
    shown = table(f"SearchFamilies {outcome.typed!r}", ["family", "parent", "children", "status"], ["paid", "owed"])
    for row in outcome.found:
        names = (row.family_name, row.parent_name, ", ".join(row.child_names), row.status)
        shown.add_row(*names, money(row.total_paid), money(row.owed))
    return shown


def _mean(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def verdict_of(outcome: Outcome) -> Text:
    """Whether the read models agree with what was sent."""
    verdict = "✓ as they should" if outcome.agrees else "✗ which is something else"
    return Text(
        f"Families were charged {money(outcome.charged)} and paid {money(outcome.paid)}; "
        f"the read models show {money(outcome.expected)} and {money(outcome.collected)} {verdict}.",
        style="green" if outcome.agrees else "bold red",
    )
