"""The simulation finds every bug that is planted; so it would have found them had we made them."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.simulation.mutants import MUTANTS, SEEDS, killed_by

OTHERS = range(1000)
"""Where it is looked when the seed that is known does not find a bug any more, because the engine awaits other things."""


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_found(name: str) -> None:
    seed = killed_by(name, chain([SEEDS[name]], OTHERS))
    assert seed is not None, f"{name}: {MUTANTS[name].__doc__}"


def test_for_each_bug_a_seed_is_known() -> None:
    assert SEEDS.keys() == MUTANTS.keys()
