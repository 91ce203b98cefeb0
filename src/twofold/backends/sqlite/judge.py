"""The verdicts on a batch: what the database says, overlaid with what the batch itself has already added."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from twofold.backends.sqlite.criteria import Span, newest
from twofold.backends.sqlite.known import Receipt, known
from twofold.backends.sqlite.recent import Recent
from twofold.store.pages import load_page
from twofold.store.port import (
    Append,
    Appended,
    Condition,
    CriteriaConflict,
    KeyReused,
    NewEvent,
    Row,
    StreamConflict,
    Verdict,
)

_SQL = load_page("twofold.backends.sqlite", "log.sql")


class Flush:
    """One batch inside one write transaction: a verdict for each append, in order, then all rows at once."""

    def __init__(self, connection: apsw.Connection, recent: Recent | None, batch: Sequence[Append]) -> None:
        self._connection = connection
        self.position, self._largest, self._versions, self._receipts = known(connection, batch)
        self._recent = recent
        if recent is not None:
            recent.begin(self.position)
        self._rows: list[Row] = []
        self._tags: list[tuple[str, int, str]] = []
        self._keys: list[tuple[str, bytes, int, int]] = []

    def judge(self, append: Append) -> Verdict:
        """Key, then expected versions, then conditions; what passes is added."""
        if append.key is not None and (receipt := self._receipts.get(append.key)):
            return self._replayed(append.key, append.digest, receipt)
        return self._stream_conflict(append) or self._criteria_conflict(append) or self._accept(append)

    def write(self) -> None:
        """Insert everything that was accepted, to be committed by the caller."""
        execute = self._connection.executemany
        if self._rows:
            execute(_SQL["insert_event"], self._rows)
            self._grow()
        if self._tags:
            execute(_SQL["insert_tag"], self._tags)
        if self._keys:
            execute(_SQL["insert_receipt"], self._keys)

    def _replayed(self, key: str, digest: bytes, receipt: Receipt) -> Verdict:
        if digest != receipt.digest:
            return KeyReused(key)
        return Appended(receipt.first, receipt.last, self._versions_of(receipt), replayed=True)

    def _versions_of(self, receipt: Receipt) -> dict[str, int]:
        versions = dict(self._connection.execute(_SQL["versions_between"], (receipt.first, receipt.last)))
        versions.update((row[1], row[2]) for row in self._rows if receipt.first <= row[0] <= receipt.last)
        return versions

    def _stream_conflict(self, append: Append) -> StreamConflict | None:
        for stream, expected in append.expected.items():
            if (found := self._versions[stream]) != expected:
                return StreamConflict(stream, expected, found)
        return None

    def _criteria_conflict(self, append: Append) -> CriteriaConflict | None:
        for index, condition in enumerate(append.conditions):
            if found := self._newest(condition):
                return CriteriaConflict(index, found)
        return None

    def _newest(self, condition: Condition) -> int:
        assert self._recent is not None
        found = self._recent.newest(condition.criteria, condition.after)
        if found or condition.after >= self._recent.since:
            return found
        return newest(self._connection, condition.criteria, Span(condition.after, self._recent.since))

    def _accept(self, append: Append) -> Appended:
        first = self.position + 1
        for event in append.events:
            self._add(event)
        if append.key is not None:
            self._receipts[append.key] = Receipt(append.digest, first, self.position)
            self._keys.append((append.key, append.digest, first, self.position))
        return Appended(first, self.position, {event.stream: self._versions[event.stream] for event in append.events})

    def _add(self, event: NewEvent) -> None:
        self.position = position = self.position + 1
        self._versions[event.stream] = version = self._versions[event.stream] + 1
        self._rows.append((position, event.stream, version, event.type, event.schema, event.data, event.metadata))
        if event.tags:
            self._tags += [(tag, position, event.type) for tag in dict.fromkeys(event.tags)]
        if self._recent is not None:
            self._recent.add(position, event)

    def _grow(self) -> None:
        largest = max(len(row[5]) + len(row[6]) for row in self._rows)
        if largest > self._largest:
            self._connection.execute(_SQL["grow"], (largest,))
