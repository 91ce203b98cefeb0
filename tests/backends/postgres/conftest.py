"""A log of its own for every test, and somebody who comes to the same database beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from tests.backends.postgres.logs import Outsider, log_at, opened, outsider
from twofold.backends.postgres.log import PostgresLog
from twofold.config import PostgresURL, parse_url


@pytest.fixture
def place(postgres_url: str) -> PostgresURL:
    """Where the test's own schema is; nothing is installed yet."""
    url = parse_url(postgres_url)
    assert isinstance(url, PostgresURL)
    return url


@pytest.fixture
async def log(place: PostgresURL) -> AsyncGenerator[PostgresLog]:
    """An open log, empty at first."""
    log = log_at(place)
    async with opened(log):
        yield log


@pytest.fixture
async def beside(place: PostgresURL) -> AsyncGenerator[Outsider]:
    """A connection of another tool, which sees the log's tables."""
    async with outsider(place) as connection:
        yield connection
