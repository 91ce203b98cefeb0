"""What is recorded with every event, and the event as the log holds it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import count
from typing import Generic, TypeVar

import msgspec

E = TypeVar("E", covariant=True)


class Context(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a command was sent: recorded unchanged with each of its events."""

    correlation_id: str | None = None
    causation_id: str | None = None
    actor: str | None = None
    traceparent: str | None = None
    headers: Mapping[str, str] = {}


class Metadata(Context, frozen=True, kw_only=True, omit_defaults=True):
    """The context of an event, what caused it, and when it was recorded (UTC; told, never used to order).

    A correlation or causation that is not given is the command itself: it is stored once, as ``command_id``.
    """

    event_id: str
    command_id: str | None = None
    recorded_at: datetime


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Metadata).decode


class Recorded(msgspec.Struct, Generic[E], frozen=True):
    """An event as the log holds it.

    ``position`` counts over the whole log and ``version`` inside the stream, both from 1; ``type`` and ``schema``
    are the name and version under which it was stored; ``data`` and ``raw_metadata`` are JSON.
    """

    event: E
    position: int
    stream: str
    version: int
    type: str
    schema: int
    data: bytes
    raw_metadata: bytes

    @property
    def metadata(self) -> Metadata:
        """Decoded when asked for, because most readers never do."""
        found = _decode(self.raw_metadata)
        return msgspec.structs.replace(
            found,
            correlation_id=found.correlation_id or found.command_id,
            causation_id=found.causation_id or found.command_id,
        )

    @property
    def recorded_at(self) -> datetime:
        return _decode(self.raw_metadata).recorded_at


def metadata_json(context: Context, command_id: str, recorded_at: datetime) -> Iterator[bytes]:
    """The metadata of one event after the other of an append, as JSON: the same but for the event's id.

    The id is the command's with a number, so that a repeated command gives the same ids.
    """
    # Joined by hand, because a command id is plain ASCII without quotes: a third of the time of encoding a struct.
    command, told = command_id.encode(), _encode(context)
    rest = b"}" if told == b"{}" else b"," + told[1:]
    head = b'{"event_id":"%b:' % command
    after = b'","command_id":"%b","recorded_at":%b%b' % (command, _encode(recorded_at), rest)
    for number in count(1):
        yield b"%b%d%b" % (head, number, after)


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): unique by chance, and neighbours in an index because they begin with the time."""
    when, chance = f"{time.time_ns() // 1_000_000:012x}", f"{_chance.getrandbits(76):019x}"
    return f"{when[:8]}-{when[8:]}-7{chance[:3]}-{_VARIANT[chance[3]]}{chance[4:7]}-{chance[7:]}"


_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}

# An id must be unique, not secret, so a generator seeded by the system will do; a fork would go on with its parent's.
_chance = random.Random(os.urandom(32))
os.register_at_fork(after_in_child=lambda: _chance.seed(os.urandom(32)))
