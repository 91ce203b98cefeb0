"""Run seeds by hand: ``python -m tests.simulation 4711``, ``--seeds 100000 [--from 5000]``, ``--mutants``."""

from __future__ import annotations

import argparse
import time

from tests.simulation.run import failure


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="*", help="run just these")
    parser.add_argument("--seeds", type=int, default=1000, help="how many to run")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    given = parser.parse_args()
    seeds = given.seed or range(given.first, given.first + given.seeds)
    started, failed = time.monotonic(), 0
    for seed in seeds:
        if (found := failure(seed)) is not None:
            failed += 1
            print(found, end="\n\n")  # noqa: T201 - this is a program
    print(f"{len(seeds)} seeds, {failed} failed, {len(seeds) / (time.monotonic() - started):.0f} a second")  # noqa: T201
    return min(failed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
