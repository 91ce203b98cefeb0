"""What the database knows that a batch depends on: its end, the versions of streams, and receipts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import apsw

from twofold.store.pages import load_page
from twofold.store.port import Append

_SQL = load_page("twofold.backends.sqlite", "log.sql")


class Receipt(NamedTuple):
    """What an idempotency key was answered."""

    digest: bytes
    first: int
    last: int


class Known(NamedTuple):
    """The head, the bytes of the largest event so far, the version of each stream that the batch names, and the
    receipts of those of its keys that have one.
    """

    head: int
    largest: int
    versions: dict[str, int]
    receipts: dict[str, Receipt]


def known(connection: apsw.Connection, batch: Sequence[Append]) -> Known:
    """Asked in three statements of one step each, however large the batch: a flush costs by statements, not by rows.

    They are no slower for a single append than statements of its own would be: 13 µs of its 80.
    """
    streams = dict.fromkeys(stream for append in batch for stream in append.expected)
    streams.update(dict.fromkeys(event.stream for append in batch for event in append.events))
    keys = tuple(append.key for append in batch if append.key is not None)
    head, largest = connection.execute(_SQL["end"]).get
    return Known(head, largest, _versions(connection, tuple(streams)), _receipts(connection, keys))


def _versions(connection: apsw.Connection, streams: tuple[str, ...]) -> dict[str, int]:
    if not streams:
        return {}
    found: str = connection.execute(_SQL["versions"], (apsw.carray(streams),)).get
    return dict(zip(streams, json.loads(found), strict=True))


def _receipts(connection: apsw.Connection, keys: tuple[str, ...]) -> dict[str, Receipt]:
    if not keys:
        return {}
    found = connection.execute(_SQL["receipts"], (apsw.carray(keys),))
    return {key: Receipt(digest, first, last) for key, digest, first, last in found}
