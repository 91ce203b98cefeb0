"""What comes out: one table for people, one list for programs, and a line about the machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.harness import Result
from benchmarks.rooms import Rooms

HEADINGS = ("claim", "backend", "value", "", "limit", "peer", "÷ limit", "÷ peer", "goal")


def table(results: Iterable[Result]) -> str:
    """The results with their goals, a line each, and the notes below."""
    rows = [HEADINGS, *(_row(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(map(_padded, row, widths, range(len(row)))).rstrip() for row in rows)


def notes(results: Sequence[Result]) -> str:
    """How each figure was made and how much its turns differ."""
    return "\n".join(f"{result.claim.name} {result.backend}: {_notes(result)}" for result in results)


def document(results: Iterable[Result]) -> list[dict[str, Any]]:
    """The results as plain values; ``limit`` and ``peer`` are in the same unit, ratios are medians over the turns."""
    return [
        {
            "name": result.claim.name,
            "backend": result.backend,
            "value": result.value(),
            "unit": result.claim.unit,
            "limit": result.value("limit"),
            "peer": result.value("peer"),
            "ratio_to_limit": result.ratio("limit"),
            "ratio_to_peer": result.ratio("peer"),
            "notes": f"{_goals(result)}; {_notes(result)}",
        }
        for result in results
    ]


def machine(rooms: Sequence[Rooms], folder: Path) -> str:
    """Where the figures come from. The fsync says whether the disk is one; others' load spoils everything."""
    parts = [
        f"{os.cpu_count()} CPUs",
        f"Python {platform.python_version()} on {platform.system()} {platform.release()}",
        *(each.facts() for each in rooms),
        f"fsync {_fsync_ms(folder):.2f} ms",
        f"load {os.getloadavg()[0]:.1f}",
        "uvloop" if _has_uvloop() else "asyncio's own loop",
    ]
    return " · ".join(parts)


def _row(result: Result) -> tuple[str, ...]:
    return (
        result.claim.name,
        result.backend,
        _number(result.value()),
        result.claim.unit,
        _number(result.value("limit")),
        _number(result.value("peer")),
        _ratio(result.ratio("limit")),
        _ratio(result.ratio("peer")),
        _goals(result),
    )


def _goals(result: Result) -> str:
    words = {True: "met", False: "MISSED", None: "not compared"}
    return (
        ", ".join(f"{goal}: {_found(result, goal.to)}{words[verdict]}" for goal, verdict in result.judged())
        or "none set"
    )


def _found(result: Result, to: str | None) -> str:
    return f"{_ratio(result.ratio(to))} " if to not in (None, "limit", "peer") else ""


def _notes(result: Result) -> str:
    others = [
        f"{name} {_number(result.value(name))}" for name in result.values if name not in ("product", "limit", "peer")
    ]
    values = sorted(result.values["product"])
    spread = f"{len(values)} turns, {_number(values[0])} … {_number(values[-1])}" if len(values) > 1 else "one turn"
    return "; ".join(part for part in (result.notes, *others, spread) if part)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _padded(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column in (2, 4, 5, 6, 7) else cell.ljust(width)


def _fsync_ms(folder: Path) -> float:
    path = folder / "fsync"
    times: list[float] = []
    with path.open("wb", buffering=0) as file:
        for _ in range(20):
            file.write(b"x" * 4096)
            began = perf_counter()
            os.fsync(file.fileno())
            times.append(perf_counter() - began)
    path.unlink()
    return median(times) * 1e3


def _has_uvloop() -> bool:
    return find_spec("uvloop") is not None
