"""``python -m benchmarks``: every claim on every backend, one table. ``--help`` says what else."""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks import report
from benchmarks.harness import FULL, QUICK, Claim, Effort, Result, measure, progress, staged
from benchmarks.rooms import Backend, Rooms, opened

FILES = (
    "append_64",
    "strong",
    "append_1",
    "append_bulk",
    "append_dcb",
    "load_10000",
    "read_all",
    "flat",
    "import_shop",
    "catch_up",
    "rebuild",
    "rebuild_2",
    "rebuild_live",
    "parked",
    "lag",
    "read_your_write",
    "get_by_key",
    "report_50000",
    "search_50000",
    "cached",
    "many",
    "memory",
    "idle",
)
FUNCTIONS = 40
BACKENDS: tuple[Backend, ...] = ("sqlite", "postgres")


def main() -> int:
    """0 when all was measured, 1 when a claim broke, 2 for a wrong option, 130 when interrupted.

    Goals that were missed are told in the table; a figure is no test.
    """
    # Asked to end in either way, everything is tidied up: above all the server that was started for the run.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _options()
    claims = [claim for claim in all_claims(QUICK if options.quick else FULL) if _wanted(claim, options.only)]
    if not claims:
        print(f"No claim is called {' or '.join(options.only)}; --list tells their names.", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(claim.name for claim in claims))
        return 0
    if options.profile:
        return _profile(claims, options)
    results: list[Result] = []
    try:
        return _run(claims, options, results)
    except KeyboardInterrupt:
        progress("stopped; what was done so far:\n")
        print(report.table(results))
        return 130


def all_claims(effort: Effort) -> list[Claim]:
    """Every claim of every file."""
    return [claim for file in FILES for claim in import_module(f"benchmarks.{file}").claims(effort)]


def _run(claims: Sequence[Claim], options: argparse.Namespace, results: list[Result]) -> int:
    with opened(options.backend) as (folder, all_rooms):
        print(report.machine(all_rooms, folder))
        broken = [not _measured(claim, rooms, options, results) for claim in claims for rooms in all_rooms]
    progress("")
    print(f"\n{report.table(results)}\n\n{report.notes(results)}")
    if options.json:
        options.json.write_text(json.dumps(report.document(results), indent=1, ensure_ascii=False) + "\n")
    return int(any(broken))


def _measured(claim: Claim, rooms: Rooms, options: argparse.Namespace, results: list[Result]) -> bool:
    try:
        results.append(measure(claim, rooms, QUICK if options.quick else FULL))
    except Exception:  # noqa: BLE001 - a claim that breaks is told, and must not cost the figures of the others
        progress(f"{claim.name} {rooms.backend} broke:\n{traceback.format_exc()}\n")
        return False
    return True


def _profile(claims: Sequence[Claim], options: argparse.Namespace) -> int:
    with opened(options.backend) as (_, all_rooms):
        for claim in claims:
            for rooms in all_rooms:
                print(f"{claim.name} {rooms.backend}: our side, {FUNCTIONS} functions by their own time")
                profiled(claim, rooms).print_stats(FUNCTIONS)
    return 0


def profiled(claim: Claim, rooms: Rooms) -> pstats.Stats:
    """One measurement of our side under cProfile, which makes Python look slower than it is and sees this thread only."""
    profiler = cProfile.Profile()
    with rooms.room() as room, staged(claim.sides["product"], room) as once:
        if not claim.afresh:
            once()
        profiler.runcall(once)
    return pstats.Stats(profiler).strip_dirs().sort_stats("tottime")


def _wanted(claim: Claim, only: Sequence[str]) -> bool:
    return not only or any(claim.name == name or claim.name.startswith(f"{name}.") for name in only)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", metavar="NAME", nargs="*", help="only these claims (all if none is named)")
    parser.add_argument("--quick", action="store_true", help="all claims in under 90 seconds; figures are only a hint")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="only on this database")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results as a list")
    parser.add_argument("--list", action="store_true", help="the names of the claims")
    parser.add_argument("--profile", metavar="NAME", help="profile our side of this claim instead of measuring")
    options = parser.parse_args()
    options.only += [options.profile] if options.profile else []
    options.backend = options.backend or BACKENDS
    return options


if __name__ == "__main__":
    sys.exit(main())
