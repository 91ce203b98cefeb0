"""A working directory with an app in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the bank as its app.py, and nothing in the environment that names another app."""
    monkeypatch.delenv("TWOFOLD_APP", raising=False)
    shutil.copy(Path(__file__).with_name("bank.py"), tmp_path / "app.py")
    return tmp_path


@pytest.fixture
def terminal(folder: Path) -> Terminal:
    return Terminal(folder)


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, folder: Path) -> Terminal:
    """A terminal whose calls use SQLite (the app's own store), then one whose calls use PostgreSQL (by ``--store``)."""
    if request.param == "sqlite":
        return Terminal(folder)
    return Terminal(folder, "--store", request.getfixturevalue("postgres_url"))
