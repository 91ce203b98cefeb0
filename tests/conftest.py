"""What every test may ask for: a database of its own, and how long it may take."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from tests import postgres_server

settings.register_profile("twofold", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("campaign", deadline=None, max_examples=2000)

EVERY_DAY_SECONDS = 600
"""What a test may take outside of campaigns, also where it has a limit for them: nobody waits an hour for one that hangs."""

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that must be free in memory, several times what a run writes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--campaign", action="store_true", help="also run what takes long, and run the rest for longer")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("campaign" if config.getoption("--campaign") else "twofold")
    if not hasattr(config, "workerinput"):  # The controller names the run; workers inherit its environment.
        os.environ["TWOFOLD_TEST_RUN"] = uuid.uuid4().hex
        _write_into_memory()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what runs in the background; processes that tests interrupt would inherit it, and go on.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _write_into_memory() -> None:
    """Keep databases and files where an fsync costs nothing, if there is room: tests end processes, and never the machine."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    if min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_unconfigure(config: pytest.Config) -> None:
    postgres_server.leave()
    if not hasattr(config, "workerinput"):
        postgres_server.stop(postgres_server.folder_of(os.environ["TWOFOLD_TEST_RUN"]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # What may take long begins first, so that no worker is left alone with it in the end.
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)
    if config.getoption("--campaign"):
        return
    long = [item for item in items if item.get_closest_marker("campaign")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]
    for item in items:
        if (limit := item.get_closest_marker("timeout")) is not None and limit.args[0] > EVERY_DAY_SECONDS:
            item.add_marker(pytest.mark.timeout(EVERY_DAY_SECONDS), append=False)


def pytest_collection_finish() -> None:
    # A seventh of all the time went into looking for garbage, most of it among modules and tests, which stay.
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 100)


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
    """A store URL with two schemas of its own, one for the log and one for read models; both are dropped at the end."""
    async with postgres_server.own_schemas(postgres_server_url) as url:
        yield url
