"""Plain events as the log would hold them: at a position, in a stream, with metadata."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from twofold.messages.codec import validated
from twofold.messages.message import Event
from twofold.messages.metadata import Context, Recorded, metadata_json
from twofold.messages.naming import name_of, version_of

RECORDED_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""When events of a test were recorded: always the same, because no fold may depend on it."""


class On(msgspec.Struct, frozen=True):
    """Events of one stream."""

    stream: str
    events: tuple[Event, ...]


def on(stream: str, *events: Event) -> On:
    """These events, in that stream: ``on("family-f-1", FamilyEnrolled(…), PaymentReceived(…))``."""
    return On(stream, events)


class History:
    """Counts positions and versions, as the log does."""

    def __init__(self) -> None:
        self._position = 0
        self._versions: dict[str, int] = {}

    def record(self, given: Iterable[Event | On], *, stream: str) -> list[Recorded[Event]]:
        """The events as recorded; those that do not say their stream are in the one given.

        Raises ``InvalidInputError`` for an event that the log would not take.
        """
        found: list[Recorded[Event]] = []
        for part in given:
            named = part if isinstance(part, On) else On(stream, (part,))
            found += [self._record(event, named.stream) for event in named.events]
        return found

    def _record(self, event: Event, stream: str) -> Recorded[Event]:
        self._position += 1
        version = self._versions[stream] = self._versions.get(stream, 0) + 1
        valid, data = validated(event)
        metadata = next(metadata_json(Context(), f"command-{self._position}", RECORDED_AT))
        cls = type(event)
        return Recorded(valid, self._position, stream, version, name_of(cls), version_of(cls), data, metadata)
