"""Waiting for a subscription that another process runs, or a replica repeats: its checkpoint is the only news."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from twofold.errors import BehindError
from twofold.store.port import Head
from twofold.subscriptions.partition import whole
from twofold.subscriptions.port import Checkpoints

FIRST_SECONDS = 0.002
LAST_SECONDS = 0.05


async def reach_elsewhere(
    store: Checkpoints, head: Head, names: Collection[str], position: int, *, timeout_seconds: float
) -> None:
    """Return when all of these stand at ``position`` or beyond, in the log of that head; ``BehindError`` if one is late.

    Of those that are partitioned, all that there are at that moment.
    """
    clock = asyncio.get_running_loop().time
    started, pause = clock(), FIRST_SECONDS
    while late := await _late(store, head, names, position):
        waited = clock() - started
        if waited >= timeout_seconds:
            name, found = next(iter(late.items()))
            raise BehindError(name, position=found, wanted=position, waited_seconds=round(waited, 3))
        await asyncio.sleep(min(pause, timeout_seconds - waited))
        pause = min(pause * 2, LAST_SECONDS)


async def _late(store: Checkpoints, head: Head, names: Collection[str], position: int) -> dict[str, int]:
    """Those that are not there yet, with where they are: at 0 if what they have is of another log."""
    found = await store.checkpoints(names)
    seen = set(map(whole, found))
    stand = {name: 0 for name in names if name not in seen}
    for name, at in found.items():
        stand[name] = at.position if (at.store_id, at.log_epoch) == (head.store_id, head.epoch) else 0
    return {name: found for name, found in sorted(stand.items()) if found < position}
