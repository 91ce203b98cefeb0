"""The shop's tests: its files, and an app on each database."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import pytest

from tests.examples.truth import Truth, truth_of
from twofold import App
from twofold.examples.shop.app import shop
from twofold.examples.shop.retail_file import SLICE

VARIABLE = "TWOFOLD_ONLINE_RETAIL"
WHOLE_FILE = Path(os.environ.get(VARIABLE, Path(__file__).parents[3] / "shared" / "data" / "online_retail.csv.gz"))


@pytest.fixture(scope="session")
def whole_file() -> Path:
    if not WHOLE_FILE.exists():
        pytest.skip(f"The whole Online Retail file is not here (looked for: {WHOLE_FILE}); {VARIABLE} may name it.")
    return WHOLE_FILE


@pytest.fixture(scope="session")
def truth_of_the_slice() -> Truth:
    return truth_of(SLICE)


@pytest.fixture(scope="session")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 8,000 lines of the slice, for what needs to be real and not long."""
    path = tmp_path_factory.mktemp("retail") / "beginning.csv.gz"
    with gzip.open(SLICE) as whole, gzip.open(path, "wb") as part:
        part.writelines(islice(whole, 8_001))
    return path


@pytest.fixture(scope="session")
def truth_of_the_whole_file(whole_file: Path) -> Truth:
    return truth_of(whole_file)


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of its own, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shop.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    async with shop(store_url) as running:
        yield running
