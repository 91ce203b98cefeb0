"""Every story is told on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store that outlives the processes using it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/story.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
