"""Guesses at what was meant by a name that nobody knows."""

from __future__ import annotations

from collections.abc import Sequence


def guess(name: str, known: Sequence[str]) -> str:
    """``Did you mean …?`` where a known name is close to the given one, whatever its case; else nothing."""
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in known}
    close = [by_lower[each] for each in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(close)}?" if close else ""
