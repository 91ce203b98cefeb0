"""Bugs to be planted one at a time: if the simulation cannot find them, it would not find real ones either."""

from __future__ import annotations

from tests.simulation.mutants import databases, engine, folds, generations, inline, partitions, rebuilds, strong, worker
from tests.simulation.mutants.registry import MUTANTS, killed_by, planted
from tests.simulation.mutants.seeds import SEEDS

PAGES = (databases, engine, folds, generations, rebuilds, inline, strong, partitions, worker)
"""Where they are. Each page plants what it holds when it is imported."""

__all__ = ["MUTANTS", "PAGES", "SEEDS", "killed_by", "planted"]
