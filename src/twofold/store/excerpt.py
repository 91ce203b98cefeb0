"""Some of a log: up to a position, and of some streams only, so that several processes can read it without reading the same."""

from __future__ import annotations

import msgspec

from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.port import Head, LogReader, Page, Share


class Excerpt:
    """A log as if it ended at ``until`` (None: where it does), of which one sees a ``share``."""

    def __init__(self, log: LogReader, *, share: Share | None = None, until: int | None = None) -> None:
        self._log, self._share, self._until = log, share, until

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        page = await self._log.read(
            after=after,
            criteria=criteria,
            category=category,
            count_max=count_max,
            bytes_max=bytes_max,
            share=share or self._share,
        )
        if self._until is None or page.reached <= self._until:
            return page
        return Page([row for row in page.rows if row[0] <= self._until], max(after, self._until), full=False)

    async def head(self) -> Head:
        head = await self._log.head()
        return msgspec.structs.replace(head, position=self._seen(head.position))

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        return self._seen(await self._log.wait(after, timeout_seconds=timeout_seconds))

    def _seen(self, position: int) -> int:
        return position if self._until is None else min(position, self._until)
