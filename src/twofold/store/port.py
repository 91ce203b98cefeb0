"""The port of the log: what a database must do to be one, and nothing else.

Positions count events over the whole log from 1, versions count them inside a stream from 1, and ``after`` is
always exclusive. Everything that reaches this port has passed ``limits``; a backend checks nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from twofold.errors import TwofoldError
from twofold.store.criteria import EVERYTHING, Criteria

Row: TypeAlias = tuple[int, str, int, str, int, bytes, bytes]
"""An event as the log holds it: position, stream, version, type, schema version, data, metadata."""


class NewEvent(msgspec.Struct, frozen=True):
    """An event on its way into the log. ``data`` and ``metadata`` are JSON, UTF-8; ``tags`` are ``name=value``."""

    stream: str
    type: str
    schema: int
    data: bytes
    metadata: bytes
    tags: tuple[str, ...] = ()


class Condition(msgspec.Struct, frozen=True):
    """No event that matches ``criteria`` may stand after this position."""

    criteria: Criteria
    after: int


class Append(msgspec.Struct, frozen=True):
    """One atomic append: its events take neighbouring positions, in this order, or none of them exists.

    ``expected`` names streams (written to or only read) and the version each must be at; a stream that is not
    named may be at any. ``key`` makes it idempotent: a second append under the same key and ``digest`` (of the
    body, at most 32 bytes) gets the first one's answer. An append without events only records its key.
    """

    events: tuple[NewEvent, ...]
    expected: Mapping[str, int] = {}
    conditions: tuple[Condition, ...] = ()
    key: str | None = None
    digest: bytes = b""


class Appended(msgspec.Struct, frozen=True):
    """The verdict yes. The events stand at ``first`` … ``last``; with no events ``first`` is ``last + 1``.

    ``versions`` are those of the streams written to, after this append; ``replayed`` says that the key was known
    and nothing was written now.
    """

    first: int
    last: int
    versions: Mapping[str, int]
    replayed: bool = False


class StreamConflict(msgspec.Struct, frozen=True):
    """The verdict no: ``stream`` is at version ``found``. The first broken expectation in order of ``expected``."""

    stream: str
    expected: int
    found: int


class CriteriaConflict(msgspec.Struct, frozen=True):
    """The verdict no: an event at position ``found`` (the newest that matches) breaks ``conditions[index]``."""

    index: int
    found: int


class KeyReused(msgspec.Struct, frozen=True):
    """The verdict no: the key stands in the log under another digest."""

    key: str


class Refused(msgspec.Struct, frozen=True):
    """The verdict no: something must take effect with this append (a strong read model), and raised this error."""

    error: TwofoldError


Verdict: TypeAlias = Appended | StreamConflict | CriteriaConflict | KeyReused | Refused
"""Checked in this order: key, then expected versions, then conditions, then effects."""


class Page(msgspec.Struct, frozen=True):
    """Events in order, and how far the page speaks for the log.

    Everything that matches up to and including ``reached`` (a position; for a stream, a version) is in the page, so
    a reader goes on after ``reached`` and never skips what a filter hid. ``full`` says that a bound ended the page.
    """

    rows: Sequence[Row]
    reached: int
    full: bool


class Head(msgspec.Struct, frozen=True):
    """Where the log ends (position of its newest event, 0 when empty) and which log it is."""

    position: int
    store_id: str
    epoch: int


class Share(msgspec.Struct, frozen=True):
    """One of ``count`` shares of all streams, from 0: by how a name ends, so that streams of one key are in the same one."""

    place: int
    count: int

    def has(self, stream: str) -> bool:
        """Whether a stream is in it."""
        end = stream[-2:]  # A name has a dash and a key of at least one character.
        return (ord(end[1]) + 3 * ord(end[0])) % self.count == self.place


def shared(page: Page, share: Share | None) -> Page:
    """What a share has of a page that was read for it."""
    return page if share is None else Page([row for row in page.rows if share.has(row[1])], page.reached, page.full)


class LogReader(Protocol):
    """A log as those see it who follow it. Errors: ``StoreUnavailableError``."""

    async def read(
        self,
        *,
        after: int = 0,
        criteria: Criteria = EVERYTHING,
        category: str | None = None,
        count_max: int = 1000,
        bytes_max: int = 8 << 20,
        share: Share | None = None,
    ) -> Page:
        """The log in order of position: what matches the criteria and, if given, belongs to the category.

        A page holds at least one event if there is one, then as many as fit into both bounds. Of a ``share`` it may hold
        fewer, or none.
        """
        ...

    async def head(self) -> Head:
        """The newest position that is committed, and with it everything before."""
        ...

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        """The head's position as soon as it is beyond ``after``, at the latest when the time is over. Never busy."""
        ...


class EventStore(LogReader, Protocol):
    """A log. Errors: ``StoreUnavailableError`` (nothing was written), ``OutcomeUnknownError`` (from ``append`` only)."""

    async def open(self) -> None:
        """Connect, check that the database is ours, safe and at this schema version (``StoreRefusedError`` if not)."""
        ...

    async def close(self) -> None:
        """Give everything back. Appends under way are finished first."""
        ...

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        """Commit every append of the batch that may be, durably, as if one after the other in order; a verdict each."""
        ...

    async def read_stream(
        self,
        stream: str,
        *,
        after: int = 0,
        until: int | None = None,
        backwards: bool = False,
        count_max: int = 1000,
        bytes_max: int = 8 << 20,
    ) -> Page:
        """One stream, the versions in ``(after, until]``, upwards or downwards.

        Backwards, ``reached`` is the lowest version delivered, and the next page asks ``until=reached - 1``.
        """
        ...


class SnapshotStore(Protocol):
    """A disposable cache of folded states: losing it costs time, never truth."""

    async def load_snapshot(self, stream: str, code: str) -> tuple[int, bytes] | None:
        """Version (for a boundary: position) and encoded state kept under this name by this fingerprint of the code."""
        ...

    async def save_snapshot(self, stream: str, code: str, version: int, state: bytes) -> None:
        """Keep it, in place of an older one; never in place of a newer one of the same code."""
        ...
