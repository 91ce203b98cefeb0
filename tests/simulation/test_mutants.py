"""The simulation finds every bug that is planted; so it would have found them had we made them."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS, killed_by
from tests.simulation.run import failure

SEEDS = range(1000)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_found(name: str) -> None:
    seed = killed_by(name, SEEDS)
    assert seed is not None, f"{name}: {MUTANTS[name].__doc__}"
    assert failure(seed) is None, "that seed fails without the bug, too"
