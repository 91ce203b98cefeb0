"""What every test may ask for: a database of its own, and how long it may take."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import settings

from tests import postgres_server

settings.register_profile("twofold", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("campaign", deadline=None, max_examples=2000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--campaign", action="store_true", help="also run what takes long, and run the rest for longer")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("campaign" if config.getoption("--campaign") else "twofold")
    if not hasattr(config, "workerinput"):  # The controller names the run; workers inherit its environment.
        os.environ["TWOFOLD_TEST_RUN"] = uuid.uuid4().hex


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        postgres_server.stop(postgres_server.folder_of(os.environ["TWOFOLD_TEST_RUN"]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--campaign"):
        return
    long = [item for item in items if item.get_closest_marker("campaign")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def campaign(pytestconfig: pytest.Config) -> bool:
    """Whether this is a campaign: the same tests, many more rounds."""
    return bool(pytestconfig.getoption("--campaign"))


@pytest.fixture(scope="session")
def postgres_server_url() -> str:
    """A PostgreSQL that really runs, as a driver's URL. Tests that want a database of their own take ``postgres_url``."""
    folder = postgres_server.folder_of(os.environ["TWOFOLD_TEST_RUN"])
    return postgres_server.given_url() or postgres_server.start(folder)


@pytest.fixture
async def postgres_url(postgres_server_url: str) -> AsyncIterator[str]:
    """A store URL with two schemas of its own, one for the log and one for read models; they are dropped at the end."""
    schema = f"t_{uuid.uuid4().hex[:12]}"
    sign = "&" if "?" in postgres_server_url else "?"
    yield f"{postgres_server_url}{sign}schema={schema}&read_schema={schema}_r"
    connection = await asyncpg.connect(postgres_server_url)
    try:
        made = await connection.fetch(
            "select quote_ident(nspname) from pg_namespace where starts_with(nspname, $1)", schema
        )
        for (name,) in made:  # Generations of SQL projections stand beside in schemas of their own.
            await connection.execute(f"drop schema {name} cascade")
    finally:
        await connection.close()
