"""Everything put together: ``twofold run worker --app twofold.examples.coop.app:app``."""

from __future__ import annotations

from twofold import App
from twofold.examples.coop.analytics import PaymentAnalytics
from twofold.examples.coop.at_risk import AtRiskFamily
from twofold.examples.coop.questions import (
    enrollment_report,
    families_by_risk_tier,
    get_family,
    get_payment_analytics,
    list_at_risk,
    search_families,
)
from twofold.examples.coop.read_models import FamilyView
from twofold.examples.coop.write_model import Family

DECIDERS = (Family,)
READ_MODELS = (FamilyView, AtRiskFamily, PaymentAnalytics)
ANSWERS = (get_family, list_at_risk, families_by_risk_tier, enrollment_report, get_payment_analytics, search_families)


def coop(store: str = "sqlite:///coop.db") -> App:
    """The co-op on a database: a file beside you, or ``postgresql://…``. Nothing is opened before it is started."""
    return App(*DECIDERS, *READ_MODELS, *ANSWERS, store=store)


app = coop()
