"""Read stores of each kind, open and empty."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from tests.postgres_server import own_schemas
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


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def shared_reads(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[ReadStore]:
    """The same once for all tests of a module: for those that only ask."""
    if request.param != "postgres":
        folder = tmp_path_factory.mktemp("shared")
        async with opened("sqlite://" if request.param == "memory" else f"sqlite:///{folder}/shop.db") as store:
            yield store
        return
    async with own_schemas(request.getfixturevalue("postgres_server_url")) as url, opened(url) as store:
        yield store


@pytest.fixture
async def both(postgres_url: str) -> AsyncGenerator[Sequence[ReadStore]]:
    """One in memory and one on PostgreSQL, for what must come out the same."""
    async with opened("sqlite://") as one, opened(postgres_url) as other:
        yield one, other
