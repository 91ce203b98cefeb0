"""A plugin for pytest: once a test of a class has failed, its others are left out. That it fails at all is what is asked."""

from __future__ import annotations

from typing import Any

import pytest

FAILED: set[object] = set()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Function, nextitem: pytest.Function | None) -> bool | None:
    # Passed over, but for the last of its class: with that ends what the class has set up.
    return True if item.cls in FAILED and nextitem is not None and nextitem.cls is item.cls else None


def pytest_runtest_setup(item: pytest.Function) -> None:
    if item.cls in FAILED:
        pytest.skip("another test of its class has failed")


def pytest_runtest_makereport(item: pytest.Function, call: pytest.CallInfo[Any]) -> None:
    if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
        FAILED.add(item.cls)
