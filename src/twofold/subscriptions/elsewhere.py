"""Waiting for a subscription that another process runs: its checkpoint is the only news there is."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from twofold.errors import BehindError
from twofold.subscriptions.port import Subscriber

FIRST_SECONDS = 0.002
LAST_SECONDS = 0.05


async def reach_elsewhere(
    subscriber: Subscriber, names: Collection[str], position: int, *, timeout_seconds: float
) -> None:
    """Return when all of these stand at ``position`` or beyond; ``BehindError`` for the first that does not in time."""
    clock = asyncio.get_running_loop().time
    started, pause = clock(), FIRST_SECONDS
    while late := await _late(subscriber, names, position):
        waited = clock() - started
        if waited >= timeout_seconds:
            name, found = next(iter(late.items()))
            raise BehindError(name, position=found, wanted=position, waited_seconds=round(waited, 3))
        await asyncio.sleep(min(pause, timeout_seconds - waited))
        pause = min(pause * 2, LAST_SECONDS)


async def _late(subscriber: Subscriber, names: Collection[str], position: int) -> dict[str, int]:
    found = await subscriber.checkpoints(names)
    positions = {name: found[name].position if name in found else 0 for name in names}
    return {name: reached for name, reached in positions.items() if reached < position}
