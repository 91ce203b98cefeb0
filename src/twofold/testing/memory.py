"""A log and a snapshot cache in plain lists and dicts: short enough to be obviously right, so that others can be compared."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence

from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.port import (
    Append,
    Appended,
    Condition,
    CriteriaConflict,
    Head,
    KeyReused,
    NewEvent,
    Page,
    Row,
    Share,
    StreamConflict,
    Verdict,
)


class MemoryLog:
    """An ``EventStore`` that forgets everything with its process; opening and closing it again keeps its events."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._tags: list[tuple[str, ...]] = []
        self._versions: dict[str, int] = {}
        self._receipts: dict[str, tuple[bytes, Appended]] = {}
        self._news = asyncio.Event()
        self._store_id = str(uuid.uuid4())

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        verdicts = [self._judge(append) for append in batch]
        # Whoever waits holds the old event; a fresh one serves the next append.
        self._news.set()
        self._news = asyncio.Event()
        return verdicts

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        matching = (
            row
            for row, tags in zip(self._rows[after:], self._tags[after:], strict=True)
            if criteria.matches(row[3], tags)
            and category in (None, row[1].partition("-")[0])
            and (share is None or share.has(row[1]))
        )
        rows, full = _bounded(matching, count_max, bytes_max)
        return Page(rows, rows[-1][0] if full else max(after, len(self._rows)), full)

    async def read_stream(
        self, stream: str, *, after: int = 0, until: int | None = None, backwards: bool = False,
        count_max: int = 1000, bytes_max: int = 8 << 20,
    ) -> Page:  # fmt: skip
        matching = [
            row for row in self._rows if row[1] == stream and after < row[2] and (until is None or row[2] <= until)
        ]
        rows, full = _bounded(reversed(matching) if backwards else matching, count_max, bytes_max)
        return Page(rows, rows[-1][2] if rows else after, full)

    async def head(self) -> Head:
        return Head(len(self._rows), self._store_id, 1)

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        try:
            async with asyncio.timeout(timeout_seconds):
                while len(self._rows) <= after:
                    await self._news.wait()
        except TimeoutError:
            pass  # Late is an answer here: the head as it is.
        return len(self._rows)

    def _judge(self, append: Append) -> Verdict:
        if append.key is not None and append.key in self._receipts:
            return self._again(append.key, append.digest)
        return self._stream_conflict(append) or self._criteria_conflict(append) or self._write(append)

    def _again(self, key: str, digest: bytes) -> Verdict:
        first_digest, first = self._receipts[key]
        if digest != first_digest:
            return KeyReused(key)
        return Appended(first.first, first.last, first.versions, replayed=True)

    def _stream_conflict(self, append: Append) -> StreamConflict | None:
        for stream, expected in append.expected.items():
            found = self._versions.get(stream, 0)
            if found != expected:
                return StreamConflict(stream, expected, found)
        return None

    def _criteria_conflict(self, append: Append) -> CriteriaConflict | None:
        for index, condition in enumerate(append.conditions):
            found = self._newest_match(condition)
            if found is not None:
                return CriteriaConflict(index, found)
        return None

    def _newest_match(self, condition: Condition) -> int | None:
        for position in range(len(self._rows), condition.after, -1):
            if condition.criteria.matches(self._rows[position - 1][3], self._tags[position - 1]):
                return position
        return None

    def _write(self, append: Append) -> Appended:
        first = len(self._rows) + 1
        for event in append.events:
            self._add(event)
        versions = {event.stream: self._versions[event.stream] for event in append.events}
        verdict = Appended(first, len(self._rows), versions)
        if append.key is not None:
            self._receipts[append.key] = (append.digest, verdict)
        return verdict

    def _add(self, event: NewEvent) -> None:
        version = self._versions[event.stream] = self._versions.get(event.stream, 0) + 1
        position = len(self._rows) + 1
        self._rows.append((position, event.stream, version, event.type, event.schema, event.data, event.metadata))
        self._tags.append(event.tags)


def _bounded(matching: Iterable[Row], count_max: int, bytes_max: int) -> tuple[list[Row], bool]:
    """The first one, then as many as fit into both bounds; and whether a bound left any out."""
    rows: list[Row] = []
    size = 0
    for row in matching:
        size += len(row[5]) + len(row[6])
        if rows and (len(rows) >= count_max or size > bytes_max):
            return rows, True
        rows.append(row)
    return rows, False


class MemorySnapshots:
    """A ``SnapshotStore`` in a dict."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[int, bytes]] = {}

    async def load_snapshot(self, stream: str, code: str) -> tuple[int, bytes] | None:
        return self._kept.get((stream, code))

    async def save_snapshot(self, stream: str, code: str, version: int, state: bytes) -> None:
        kept = self._kept.get((stream, code))
        if kept is None or kept[0] < version:
            self._kept[stream, code] = (version, state)
