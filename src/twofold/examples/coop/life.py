"""What a family does in a school year: one part of its life after the other, each drawn from its habits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from twofold import Command
from twofold.examples.coop.commands import (
    AddChild,
    AssignCoordinator,
    ChargeTuition,
    EnrollFamily,
    LogVolunteerHours,
    ReceivePayment,
    RecordAttendance,
    RecordContact,
    RecordLogin,
    UpdateEngagementScore,
    UpdateRiskScore,
    WithdrawFamily,
)
from twofold.examples.coop.events import Channel, Method
from twofold.examples.coop.names import ACTIVITIES, COORDINATORS, FAMILY_NAMES, FIRST_NAMES
from twofold.examples.coop.risk import AT_RISK_MIN, RiskFactor

MONTHS = [date(2024, month, 1) for month in range(8, 13)] + [date(2025, month, 1) for month in range(1, 8)]
CENT = Decimal("0.01")

Habit = Literal["ahead", "prompt", "slow", "troubled"]
HABITS: Sequence[Habit] = get_args(Habit)
HOW_OFTEN = (10, 60, 20, 10)
DAYS_AFTER_DUE: dict[Habit, tuple[int, int]] = {
    "ahead": (-25, -20), "prompt": (-6, 4), "slow": (-2, 25), "troubled": (5, 70),
}  # fmt: skip
RISK: dict[Habit, tuple[int, int]] = {"ahead": (0, 30), "prompt": (5, 50), "slow": (25, 78), "troubled": (50, 99)}
LEAVING: dict[Habit, float] = {"ahead": 0.01, "prompt": 0.03, "slow": 0.08, "troubled": 0.4}
FACTORS: Sequence[RiskFactor] = get_args(RiskFactor)
METHODS: Sequence[Method] = get_args(Method)
CHANNELS: Sequence[Channel] = get_args(Channel)

Dated: TypeAlias = tuple[date, Command]


class Profile(Struct, frozen=True):
    """What a family is like. ``tuition`` is for a month; ``leaves_on`` is None for one that stays all year."""

    family_id: str
    habit: Habit
    children: int
    tuition: Decimal
    enrolled_on: date
    leaves_on: date | None

    @property
    def last_day(self) -> date:
        return self.leaves_on or date.max


def life_of(family: Profile, rng: Random) -> Iterator[Dated]:
    """All that a family does. It may still try to pay after it left."""
    yield from _enrolling(family, rng)
    for month in MONTHS:
        if family.enrolled_on < month <= family.last_day:
            yield from _paying(family, rng, month)
            yield from _until(family.last_day, _coming(family, rng, month))
            yield from _until(family.last_day, _being_looked_after(family, rng, month))
    if family.leaves_on is not None:
        reason = rng.choice(("moved", "cost", "another school"))
        yield family.leaves_on, WithdrawFamily(family_id=family.family_id, date=family.leaves_on, reason=reason)


def _until(last_day: date, dated: Iterator[Dated]) -> Iterator[Dated]:
    return (each for each in dated if each[0] <= last_day)


def _enrolling(family: Profile, rng: Random) -> Iterator[Dated]:
    on, name, parent = family.enrolled_on, rng.choice(FAMILY_NAMES), rng.choice(FIRST_NAMES)
    enroll = EnrollFamily(
        family_id=family.family_id,
        family_name=name,
        parent_name=f"{parent} {name}",
        email=f"{parent}.{name}.{family.family_id}@example.org".lower(),
        phone=f"+1 555 {rng.randrange(10_000_000):07}",
        enrollment_date=on,
        preferred_channel=rng.choice(CHANNELS),
    )
    yield on, enroll
    if rng.random() < 0.02:
        yield on, enroll  # Somebody sends the form twice.
    for child in rng.sample(FIRST_NAMES, family.children):
        birth = on - timedelta(days=rng.randrange(5 * 365, 17 * 365))
        yield on, AddChild(family_id=family.family_id, child_name=child, birth_date=birth, date=on)


def _paying(family: Profile, rng: Random, month: date) -> Iterator[Dated]:
    due = month + timedelta(days=4)
    yield from _until(family.last_day, _charging(family, family.tuition, due))
    yield from _payment(family, rng, family.tuition, due)
    if rng.random() < 0.15:
        due, amount = day_of(rng, month), Decimal(rng.randrange(500, 6000)) * CENT
        yield from _until(family.last_day, _charging(family, amount, due))
        yield from _payment(family, rng, amount, due)


def _charging(family: Profile, amount: Decimal, due: date) -> Iterator[Dated]:
    on = max(due - timedelta(days=14), family.enrolled_on)
    yield on, ChargeTuition(family_id=family.family_id, amount=amount, due_date=due)


def _payment(family: Profile, rng: Random, amount: Decimal, due: date) -> Iterator[Dated]:
    care = rng.random()
    if family.habit == "troubled" and care < 0.1:
        return
    on = max(due + timedelta(days=rng.randint(*DAYS_AFTER_DUE[family.habit])), family.enrolled_on)
    parts = [amount]
    if family.habit in ("slow", "troubled") and care < 0.4:
        third = (amount / 3).quantize(CENT)
        parts = [third, amount - third]  # The rest has to wait.
    for part in parts:
        yield on, ReceivePayment(family_id=family.family_id, amount=part, date=on, method=rng.choice(METHODS))
        on += timedelta(days=rng.randint(15, 40))


def _coming(family: Profile, rng: Random, month: date) -> Iterator[Dated]:
    for _ in range(2):
        on = day_of(rng, month)
        yield on, RecordAttendance(family_id=family.family_id, date=on, attended=rng.random() < 0.85)
    if rng.random() < 0.6:
        on = day_of(rng, month)
        at = datetime.combine(on, time(rng.randrange(24), rng.randrange(60)), tzinfo=UTC)
        yield on, RecordLogin(family_id=family.family_id, logged_in_at=at)
    if rng.random() < 0.3:
        on, hours = day_of(rng, month), Decimal(rng.randrange(1, 17)) / 4
        yield on, LogVolunteerHours(family_id=family.family_id, hours=hours, date=on, activity=rng.choice(ACTIVITIES))


def _being_looked_after(family: Profile, rng: Random, month: date) -> Iterator[Dated]:
    on = day_of(rng, month)
    if rng.random() < 0.35:
        score = 100 - rng.randint(*RISK[family.habit])
        yield on, UpdateEngagementScore(family_id=family.family_id, engagement_score=score)
    if rng.random() < (0.7 if family.habit == "troubled" else 0.3):
        yield from _assessing(family, rng, on)
    if rng.random() < 0.15:
        on = day_of(rng, month)
        yield on, RecordContact(family_id=family.family_id, date=on, method=rng.choice(CHANNELS))


def _assessing(family: Profile, rng: Random, on: date) -> Iterator[Dated]:
    score = rng.randint(*RISK[family.habit])
    factors = rng.sample(FACTORS, rng.randint(0, score // 25))
    yield on, UpdateRiskScore(family_id=family.family_id, risk_score=score, risk_factors=factors, date=on)
    if score >= AT_RISK_MIN and rng.random() < 0.8:
        yield on, AssignCoordinator(family_id=family.family_id, coordinator=rng.choice(COORDINATORS))


def day_of(rng: Random, month: date) -> date:
    """Any day of a month."""
    return month + timedelta(days=rng.randrange(28))
