"""Which name stands for which class: from the log's names and JSON to typed messages and back."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import msgspec

from twofold.errors import DefinitionError, UnknownMessageError
from twofold.messages.codec import decoder, encode, from_json, validated
from twofold.messages.markers import TAG, marked
from twofold.messages.message import Command, Event, Message, OpaqueEvent, Query
from twofold.messages.metadata import Recorded
from twofold.messages.naming import name_of, version_of
from twofold.messages.upcasting import Upcast, Upcaster, chains

StoredRow: TypeAlias = tuple[int, str, int, str, int, bytes, bytes]
M = TypeVar("M", bound=Message)


class Registry:
    """The messages that an app knows, by name.

    Raises ``DefinitionError`` for two classes under one name, for a class whose fields cannot be JSON and for a gap
    in a chain of upcasters.
    """

    def __init__(
        self,
        *,
        events: Collection[type[Event]] = (),
        commands: Collection[type[Command]] = (),
        queries: Collection[type[Query[Any]]] = (),
        upcasters: Collection[Upcaster] = (),
    ) -> None:
        self.events = _by_name(events)
        self.commands = _by_name(commands)
        self.queries = _by_name(queries)
        self._tags = {event: marked(event, TAG) for event in self.events.values()}
        self._decoders: dict[tuple[str, int], Callable[[bytes], Event]] = {
            (name, version_of(event)): decoder(event) for name, event in self.events.items()
        }
        for (name, version), chain in chains(self.events.values(), upcasters).items():
            self._decoders[name, version] = _upcasting(self.events[name], chain)

    def decode(self, type: str, schema: int, data: bytes) -> Event:
        """The event that was stored, in its current shape; an ``OpaqueEvent`` where this code cannot read it."""
        try:
            return self._decoders[type, schema](data)
        except KeyError as error:
            # An upcaster that misses a field raises KeyError too: only the table's own miss means unknown.
            reason = repr(error) if (type, schema) in self._decoders else self._unknown(type, schema)
        except Exception as error:  # noqa: BLE001 - upcasters are the user's code: whatever they raise is the reason.
            reason = f"{error.__class__.__name__}: {error}"
        return OpaqueEvent(type=type, schema=schema, data=data, reason=reason)

    def recorded(self, row: StoredRow) -> Recorded[Event]:
        """One row of the log with its event decoded."""
        return self.page((row,))[0]

    def page(self, rows: Sequence[StoredRow]) -> list[Recorded[Event]]:
        """Rows of the log with their events decoded: the hot path of every reader."""
        decoders, decode = self._decoders, self.decode
        found: list[Recorded[Event]] = []
        add = found.append
        for position, stream, version, type, schema, data, metadata in rows:
            try:
                event = decoders[type, schema](data)
            except Exception:  # noqa: BLE001 - decode() says what it was, as an opaque event.
                event = decode(type, schema, data)
            add(Recorded(event, position, stream, version, type, schema, data, metadata))
        return found

    def encode(self, event: Event) -> tuple[Event, bytes, tuple[str, ...]]:
        """The event as it will be read back, its JSON and its tags (``name=value``).

        Raises ``InvalidInputError`` for values that cannot be stored and ``UnknownMessageError`` for an event type
        that the app does not know: what cannot be read must not be written.
        """
        if type(event) not in self._tags:
            raise UnknownMessageError(
                "event", name_of(type(event)), known=tuple(self.events), remedy="Add the class to App(...)."
            )
        valid, data = validated(event)
        names = self._tags[type(event)]
        return valid, data, tags_of(valid, names) if names else ()

    def tags(self, event: Event) -> tuple[str, ...]:
        """The tags of an event, sorted; none for one that the app does not know."""
        return tags_of(event, self._tags.get(type(event), ()))

    def command(self, name: str, raw: str | bytes) -> Command:
        """A command by name from JSON that somebody typed."""
        return from_json(self._known("command", name, self.commands), raw)

    def query(self, name: str, raw: str | bytes) -> Query[Any]:
        """A query by name from JSON that somebody typed."""
        return from_json(self._known("query", name, self.queries), raw)

    def _known(self, kind: str, name: str, table: dict[str, type[M]]) -> type[M]:
        if name not in table:
            close = difflib.get_close_matches(name, table, n=1)
            raise UnknownMessageError(
                kind, name, known=tuple(sorted(table)), remedy=f"Did you mean {close[0]}?" if close else ""
            )
        return table[name]

    def _unknown(self, type: str, schema: int) -> str:
        if type in self.events:
            return f"schema version {schema} is unknown; this code knows up to {version_of(self.events[type])}"
        return "no event of that name in this app"


def tags_of(event: object, names: Iterable[str]) -> tuple[str, ...]:
    """``name=value`` for each named field: one for each item of a list, none for None; sorted, without doubles."""
    found: set[str] = set()
    for name in names:
        value = getattr(event, name)
        for item in value if isinstance(value, (list, tuple, set, frozenset)) else (value,):
            if item is not None:
                found.add(tag(name, item))
    return tuple(sorted(found))


def tag(name: str, value: object) -> str:
    """How a tag is written."""
    return f"{name}={text_of(value)}"


def text_of(value: object) -> str:
    """A key or tag as text: itself, or as JSON writes it (``2010-12-01``, ``true``, a UUID in its usual form)."""
    return value if isinstance(value, str) else encode(value).decode().strip('"')


def _by_name(classes: Iterable[type[M]]) -> dict[str, type[M]]:
    found: dict[str, type[M]] = {}
    for cls in classes:
        other = found.setdefault(name_of(cls), cls)
        if other is not cls:
            raise DefinitionError(
                f"Two types under the name {name_of(cls)}", other, cls, remedy="Give one another name: @stored_as."
            )
        _must_be_json(cls)  # type: ignore[arg-type]  # A class is hashable, whatever its instances are.
    return found


@lru_cache(maxsize=1024)  # Every app of a program asks it of the same classes.
def _must_be_json(cls: type) -> None:
    try:
        decoder(cls)
        strange = next(_custom_types(msgspec.inspect.type_info(cls), set()), None)
    except (TypeError, NameError) as error:
        raise DefinitionError(f"The fields of {cls.__name__} cannot be JSON: {error}", cls, remedy=_TYPES) from error
    if strange is not None:
        raise DefinitionError(f"The fields of {cls.__name__} cannot be JSON: {strange!r}", cls, remedy=_TYPES)


def _custom_types(info: object, seen: set[int]) -> Iterator[object]:
    """The types that msgspec would leave to a hook, wherever they are nested."""
    if isinstance(info, msgspec.inspect.CustomType):
        yield info.cls
    elif isinstance(info, tuple):
        for each in info:
            yield from _custom_types(each, seen)
    elif isinstance(info, (msgspec.inspect.Type, msgspec.inspect.Field)) and id(info) not in seen:
        seen.add(id(info))
        for name in info.__struct_fields__:
            yield from _custom_types(getattr(info, name), seen)


def _upcasting(event: type[Event], chain: Sequence[Upcast]) -> Callable[[bytes], Event]:
    def decode(data: bytes) -> Event:
        fields = msgspec.json.decode(data)
        for upcast in chain:
            fields = upcast(fields)
        return msgspec.convert(fields, event)

    return decode


_TYPES = "Use types that msgspec knows: https://jcristharif.com/msgspec/supported-types.html"

__all__ = ["Registry", "StoredRow", "tag", "tags_of", "text_of"]
