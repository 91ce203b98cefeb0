"""Read stores of each kind, open and empty."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.read_stores import KINDS, opened
from twofold.projections import ReadStore


@pytest.fixture(params=KINDS)
def reads_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store URL of each kind: in memory, in a file, on PostgreSQL."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
async def reads(reads_url: str) -> AsyncGenerator[ReadStore]:
    async with opened(reads_url) as store:
        yield store
