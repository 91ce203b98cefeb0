"""Disks that lose what was not synced."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.backends.sqlite.forgetful_disk import ForgetfulDisk


@pytest.fixture
def disk() -> Iterator[ForgetfulDisk]:
    disk = ForgetfulDisk(f"forgetful-{uuid.uuid4().hex}")
    yield disk
    disk.unregister()
