"""The pytest plugin. It is loaded in every pytest run where Twofold is installed, so it imports nothing until asked."""

from __future__ import annotations

from importlib import import_module

import pytest

pytest.register_assert_rewrite("twofold.testing.conformance")


def pytest_configure(config: pytest.Config) -> None:
    """Bring the fixtures where there is pytest-asyncio, without which an app cannot be used in a test anyway."""
    if config.pluginmanager.hasplugin("asyncio"):
        config.pluginmanager.register(import_module("twofold.testing.fixtures"), "twofold.fixtures")
