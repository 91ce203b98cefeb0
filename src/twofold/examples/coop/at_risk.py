"""What the co-op does about families that may be lost: a row each, as long as they are."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from twofold import REMOVED, Key, ReadModel, Removed, by, evolve, indexed
from twofold.examples.coop.events import (
    Channel,
    ContactRecorded,
    CoordinatorAssigned,
    FamilyWithdrawn,
    RiskScoreUpdated,
)
from twofold.examples.coop.read_models import FamilyView
from twofold.examples.coop.risk import (
    AT_RISK_MIN,
    Intervention,
    Priority,
    RiskFactor,
    RiskTier,
    days_until_withdrawal,
    intervention_for,
    priority_of,
    tier_of,
)


@indexed("risk_score desc")
class AtRiskFamily(ReadModel):
    """One row per family that may be lost: it enters with a risk score of 70, and leaves below it and on withdrawal.

    - ``since``: the date of the score with which it entered.
    - ``recommended_intervention``, ``priority`` and ``days_until_predicted_withdrawal`` follow from the newest score and its
      factors (see ``risk.py``).
    - What is known of the family from before it entered comes from its ``FamilyView``.
    """

    family_id: Key[str]
    family_name: str
    risk_score: int
    risk_tier: RiskTier
    risk_factors: list[RiskFactor]
    recommended_intervention: Intervention
    priority: Priority
    days_until_predicted_withdrawal: int
    preferred_channel: Channel
    since: date | None = None
    last_contact_date: date | None = None
    last_contact_method: Channel | None = None
    coordinator: str | None = None

    @evolve(creates=True)
    def was_assessed(
        self, event: RiskScoreUpdated, family: Annotated[FamilyView | None, by("family_id")]
    ) -> Removed | None:
        if event.risk_score < AT_RISK_MIN:
            return REMOVED
        if self.since is None:
            self.enter(event.date, family)
        score, factors = event.risk_score, event.risk_factors
        self.risk_score, self.risk_tier, self.risk_factors = score, tier_of(score), factors
        self.recommended_intervention = intervention_for(score, factors)
        self.priority = priority_of(score, factors)
        self.days_until_predicted_withdrawal = days_until_withdrawal(score, factors)
        return None

    def enter(self, on: date, family: FamilyView | None) -> None:
        if family is None:
            raise ValueError(f"family {self.family_id} was never enrolled")
        self.since, self.family_name, self.coordinator = on, family.family_name, family.coordinator
        self.preferred_channel = family.preferred_channel
        self.last_contact_date, self.last_contact_method = family.last_contact_date, family.last_contact_method

    @evolve(if_exists=True)
    def was_contacted(self, event: ContactRecorded) -> None:
        if self.last_contact_date is None or event.date >= self.last_contact_date:
            self.last_contact_date, self.last_contact_method = event.date, event.method

    @evolve(if_exists=True)
    def was_assigned(self, event: CoordinatorAssigned) -> None:
        self.coordinator = event.coordinator

    @evolve(if_exists=True)
    def has_left(self, event: FamilyWithdrawn) -> Removed:
        return REMOVED
