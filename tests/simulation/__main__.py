"""Run seeds by hand: ``python -m tests.simulation 4711``, ``--seeds 100000 [--from 5000]``, ``--mutants``."""

from __future__ import annotations

import argparse
import time
from itertools import chain

from tests.simulation.mutants import MUTANTS, SEEDS, killed_by
from tests.simulation.run import failure


def show_mutants(seeds: range) -> int:
    alive = 0
    for name, wrong in MUTANTS.items():
        seed = killed_by(name, chain([SEEDS.get(name, seeds.start)], seeds))
        alive += seed is None
        found = "not found" if seed is None else f"seed {seed}"
        print(f"{name:36} {found:12} {wrong.__doc__}", flush=True)  # noqa: T201
    print(f"{len(MUTANTS) - alive} of {len(MUTANTS)} planted bugs were found")  # noqa: T201
    return min(alive, 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="*", help="run just these")
    parser.add_argument("--seeds", type=int, default=1000, help="how many to run")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--mutants", action="store_true", help="plant each known bug, and say which seed finds it")
    given = parser.parse_args()
    if given.mutants:
        return show_mutants(range(given.first, given.first + given.seeds))
    seeds = given.seed or range(given.first, given.first + given.seeds)
    started, failed = time.monotonic(), 0
    for seed in seeds:
        if (found := failure(seed)) is not None:
            failed += 1
            print(found, end="\n\n")  # noqa: T201
    print(f"{len(seeds)} seeds, {failed} failed, {len(seeds) / (time.monotonic() - started):.0f} a second")  # noqa: T201
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
