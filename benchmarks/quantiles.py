"""The figures that stand for many waits."""

from __future__ import annotations

from collections.abc import Collection


def quantile(times: Collection[float], part: float) -> float:
    """The time within which that part of all waits was over: 0.5 for the median, 0.99 for all but one in a hundred."""
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
