"""What the log accepts: decided here, once, at the edge, so that every backend gives the same verdict."""

from __future__ import annotations

import re
from functools import lru_cache

from twofold.errors import InvalidInputError
from twofold.store.criteria import Criteria
from twofold.store.port import Append, NewEvent

STREAM_BYTES_MAX = 255
TAG_BYTES_MAX = 255
TAGS_MAX = 1000
KEY_BYTES_MAX = 255
CRITERIA_ITEMS_MAX = 100
CRITERIA_TAGS_MAX = 100
CRITERIA_TYPES_MAX = 1000
EVENT_BYTES_MAX = 1 << 20
METADATA_BYTES_MAX = 64 << 10
EVENTS_MAX = 10_000
APPEND_BYTES_MAX = 64 << 20

_STREAM = re.compile(r"[a-z][a-z0-9_]*-[A-Za-z0-9_.:@+~=%,!*()-]+", re.ASCII)
_KEY = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@lru_cache(maxsize=16384)
def checked_stream(stream: str) -> str:
    """A stream's name ``category-id``, or ``InvalidInputError``.

    The category is in snake case; the id has plain ASCII characters. Names that begin with ``$`` are kept for the
    system, and ``.`` and ``..`` are no ids, so that a name is always safe in a path or URL.
    """
    if stream.startswith("$"):
        raise InvalidInputError(
            f"Stream names with $ are reserved (stream: {_short(stream)})", what="stream", remedy=_IDS
        )
    if not _STREAM.fullmatch(stream) or stream.partition("-")[2] in (".", ".."):
        raise InvalidInputError(f"Not a stream name: {_short(stream)}", what="stream", remedy=_IDS)
    return _at_most(stream, STREAM_BYTES_MAX, "stream")


def checked_tag(tag: str) -> str:
    """A tag ``name=value`` without control characters, or ``InvalidInputError``."""
    if _CONTROL.search(tag) or "=" not in tag:
        raise InvalidInputError(f"Not a tag: {_short(tag)}", what="tags", remedy="Write name=value, in plain text.")
    return _at_most(tag, TAG_BYTES_MAX, "tag")


def checked_key(key: str) -> str:
    """An idempotency key (a command id) of printable ASCII, or ``InvalidInputError``."""
    if not _KEY.fullmatch(key):
        raise InvalidInputError(
            f"Not a command id: {_short(key)}",
            what="command_id",
            remedy="Use printable ASCII without quotes and backslashes.",
        )
    return _at_most(key, KEY_BYTES_MAX, "command id")


def checked_version(version: int, what: str = "expected_version") -> int:
    """A version or position from 0, or ``InvalidInputError``."""
    if type(version) is not int or not 0 <= version < 2**63:
        raise InvalidInputError(f"{what} is {version}", what=what, remedy="Count from 1; 0 is before the first.")
    return version


def checked_criteria(criteria: Criteria) -> Criteria:
    """Criteria that every backend can ask for in one statement, or ``InvalidInputError``."""
    if not 1 <= len(criteria.items) <= CRITERIA_ITEMS_MAX:
        raise InvalidInputError(
            f"{len(criteria.items)} items in criteria, 1 to {CRITERIA_ITEMS_MAX} are taken",
            what="criteria",
            remedy=_ASK,
        )
    for item in criteria.items:
        for kind, found, count_max in (
            ("tags", item.tags, CRITERIA_TAGS_MAX),
            ("types", item.types, CRITERIA_TYPES_MAX),
        ):
            if len(found) > count_max:
                raise InvalidInputError(
                    f"{len(found)} {kind} in one item of criteria, at most {count_max}", what="criteria", remedy=_ASK
                )
        for tag in item.tags:
            checked_tag(tag)
        for type in item.types:
            if _CONTROL.search(type):
                raise InvalidInputError(f"Not a type: {_short(type)}", what="criteria", remedy="Give an event's name.")
    return criteria


def checked(append: Append) -> Append:
    """The append if every part of it is within the limits, else ``InvalidInputError`` that names the part."""
    if len(append.events) > EVENTS_MAX:
        raise InvalidInputError(
            f"{len(append.events)} events in one append, at most {EVENTS_MAX}", what="events", remedy="Split it."
        )
    for stream, version in append.expected.items():
        checked_stream(stream)
        checked_version(version)
    if append.key is not None:
        checked_key(append.key)
    for condition in append.conditions:
        checked_version(condition.after, "after")
        checked_criteria(condition.criteria)
    size = sum(map(_checked_event, append.events))
    if size > APPEND_BYTES_MAX:
        raise InvalidInputError(
            f"{size} bytes in one append, at most {APPEND_BYTES_MAX}", what="events", remedy="Split it."
        )
    return append


def _checked_event(event: NewEvent) -> int:
    checked_stream(event.stream)
    size, metadata_size = len(event.data), len(event.metadata)
    if not event.tags and size <= EVENT_BYTES_MAX and metadata_size <= METADATA_BYTES_MAX:
        return size + metadata_size
    for tag in event.tags:
        checked_tag(tag)
    if len(event.tags) > TAGS_MAX:
        raise InvalidInputError(f"{len(event.tags)} tags on one event, at most {TAGS_MAX}", what="tags", remedy=_LESS)
    if len(event.data) > EVENT_BYTES_MAX:
        raise InvalidInputError(
            f"{event.type} has {len(event.data)} bytes, at most {EVENT_BYTES_MAX}", what="data", remedy=_LESS
        )
    if len(event.metadata) > METADATA_BYTES_MAX:
        raise InvalidInputError(
            f"The metadata has {len(event.metadata)} bytes, at most {METADATA_BYTES_MAX}", what="headers", remedy=_LESS
        )
    return len(event.data) + len(event.metadata)


def _at_most(text: str, bytes_max: int, what: str) -> str:
    if len(text) * 4 > bytes_max and (size := len(text.encode())) > bytes_max:
        raise InvalidInputError(
            f"The {what} has {size} bytes, at most {bytes_max} ({_short(text)})", what=what, remedy=_LESS
        )
    return text


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")


_ASK = "Ask in several questions, or for a wider set and look through it."
_IDS = "Use category-id: a snake_case category, and an id of letters, digits and _ . : @ + ~ = % , ! * ( ) -"
_LESS = "Keep large or many things outside the log and refer to them."
