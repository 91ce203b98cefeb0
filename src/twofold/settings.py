"""How an app runs: what it may hold, how long things take, and what it does by itself."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from twofold.clock import Clock
from twofold.projections.builder import ROWS_MAX
from twofold.projections.rebuild import PAGE_MAX

Rebuilding: TypeAlias = Literal["auto", "manual"]
Background: TypeAlias = bool | Literal["shared"]


class Bounds(msgspec.Struct, frozen=True):
    """What a process holds of its read models at most: events of a page, and rows; while it follows, and while it builds."""

    page_max: int = 2000
    rows_max: int = 50_000
    build_page_max: int = PAGE_MAX
    build_rows_max: int = ROWS_MAX


class Settings(msgspec.Struct, frozen=True):
    """How an app runs; see ``App``."""

    migrate: bool
    background: Background
    clock: Clock
    attempts_max: int
    states_max: int
    answers_max: int
    slow_seconds: float
    query_seconds: float
    parked_max: int
    lag_max_seconds: float
    rebuild: Rebuilding
    lease_seconds: float
    changes_max: int
    bounds: Bounds = Bounds()
