"""import: lines per second while the Online Retail file becomes orders, until every read model is level."""

from __future__ import annotations

from benchmarks.harness import Claim, Effort


def claims(effort: Effort) -> list[Claim]:
    return []
