"""Families that are made up, and the same for the same seed: a school year of everything they do, in the order of its dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from random import Random

from twofold.examples.coop.life import HABITS, HOW_OFTEN, LEAVING, MONTHS, Profile, day_of, life_of
from twofold.examples.sending import Wish

COHORT_MAX = 1000
"""Families whose year is in memory at a time. The next thousand have theirs after them."""

END = date(2025, 7, 31)


def cohorts_of(families: int, seed: int = 1) -> Iterator[list[Wish]]:
    """The commands of so many families, a thousand at a time. More families do not change what the first ones do."""
    for first in range(1, families + 1, COHORT_MAX):
        dated = [
            each
            for number in range(first, min(first + COHORT_MAX, families + 1))
            for each in _dated(number, Random(f"{seed}:{number}"), seed)
        ]
        # The sort is stable: what a family does on one day stays in its order.
        yield [wish for _, wish in sorted(dated, key=lambda each: each[0])]


def _dated(number: int, rng: Random, seed: int) -> Iterator[tuple[date, Wish]]:
    profile = profile_of(number, rng)
    for index, (on, command) in enumerate(life_of(profile, rng)):
        if on <= END:
            yield on, Wish(f"coop:{seed}:{profile.family_id}:{index}", profile.family_id, command)


def profile_of(number: int, rng: Random) -> Profile:
    """What one family is like. Most come in August, the others later; few leave, and those late."""
    (habit,) = rng.choices(HABITS, HOW_OFTEN)
    month = 0 if rng.random() < 0.7 else rng.randrange(1, 9)
    children = rng.choice((1, 1, 2, 2, 3, 4))
    leaves = rng.random() < LEAVING[habit]
    return Profile(
        family_id=f"f-{number:05}",
        habit=habit,
        children=children,
        tuition=children * Decimal(rng.randrange(9000, 16000, 250)) / 100,
        enrolled_on=day_of(rng, MONTHS[month]),
        leaves_on=day_of(rng, MONTHS[rng.randrange(month + 1, len(MONTHS))]) if leaves else None,
    )
