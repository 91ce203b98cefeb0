"""What a snapshot cache must do: keep the newest, per stream and per code."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from twofold.store.port import SnapshotStore


@pytest.mark.asyncio
class SnapshotStoreConformance:
    """Subclass it and give it the fixture ``snapshots``: an empty, usable snapshot store."""

    @pytest.fixture
    def snapshots(self) -> SnapshotStore | AsyncIterator[SnapshotStore]:
        raise NotImplementedError("Give the suite the fixture snapshots: see twofold.testing.conformance.")

    async def test_what_was_never_kept_is_not_there(self, snapshots: SnapshotStore) -> None:
        assert await snapshots.load_snapshot("x-1", "code") is None

    async def test_a_state_comes_back_with_its_version(self, snapshots: SnapshotStore) -> None:
        state = bytes(range(256))
        await snapshots.save_snapshot("x-1", "code", 7, state)
        assert await snapshots.load_snapshot("x-1", "code") == (7, state)

    async def test_a_newer_state_takes_the_place_of_an_older_one(self, snapshots: SnapshotStore) -> None:
        await snapshots.save_snapshot("x-1", "code", 7, b"old")
        await snapshots.save_snapshot("x-1", "code", 9, b"new")
        assert await snapshots.load_snapshot("x-1", "code") == (9, b"new")

    async def test_an_older_state_never_takes_the_place_of_a_newer_one(self, snapshots: SnapshotStore) -> None:
        await snapshots.save_snapshot("x-1", "code", 9, b"new")
        await snapshots.save_snapshot("x-1", "code", 7, b"late")
        assert await snapshots.load_snapshot("x-1", "code") == (9, b"new")

    async def test_a_state_of_other_code_is_not_found(self, snapshots: SnapshotStore) -> None:
        await snapshots.save_snapshot("x-1", "code", 7, b"state")
        assert await snapshots.load_snapshot("x-1", "other") is None
        assert await snapshots.load_snapshot("x-2", "code") is None

    async def test_other_code_may_begin_again_at_an_older_version(self, snapshots: SnapshotStore) -> None:
        await snapshots.save_snapshot("x-1", "code", 9, b"state")
        await snapshots.save_snapshot("x-1", "other", 3, b"mended")
        assert await snapshots.load_snapshot("x-1", "other") == (3, b"mended")
