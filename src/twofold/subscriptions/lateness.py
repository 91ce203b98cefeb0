"""How late a subscription is, in seconds: since when the first event that it has not passed is in the log."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from twofold.store.port import LogReader
from twofold.subscriptions.status import SubscriptionStatus


class _RecordedAt(msgspec.Struct):
    recorded_at: datetime


async def late_by(log: LogReader, status: SubscriptionStatus, *, owner: str | None = None) -> SubscriptionStatus:
    """The status with its lag in seconds, by this machine's clock, and the worker that runs it. Only to be looked at."""
    seconds = 0.0
    if status.lag:
        page = await log.read(after=status.position, count_max=1)
        if page.rows:
            recorded_at = msgspec.json.decode(page.rows[0][6], type=_RecordedAt).recorded_at
            seconds = max((datetime.now(UTC) - recorded_at).total_seconds(), 0.0)
    return msgspec.structs.replace(status, lag_seconds=round(seconds, 3), owner=owner)
