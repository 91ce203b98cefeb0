"""What a decider class declares, read once: its keys, its folds and its decisions."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any
from urllib.parse import quote

import msgspec

from twofold.errors import DefinitionError, InvalidInputError
from twofold.messages.handlers import PLAIN, EvolveHandler, evolvers
from twofold.messages.markers import KEY, fields, marked
from twofold.messages.message import Event
from twofold.messages.naming import name_of, snake_name_of, version_of
from twofold.messages.registry import tag, text_of
from twofold.store.criteria import Criteria
from twofold.store.limits import checked_stream

SNAPSHOTS = "__twofold_snapshots__"


class Definition(msgspec.Struct, frozen=True, eq=False):
    """A compiled ``Aggregate`` or ``Boundary`` class.

    ``category`` is that of its stream, ``code`` a fingerprint of what its snapshots depend on, and
    ``snapshot_every`` a number of events (0: never).
    """

    cls: type[Any]
    is_boundary: bool
    category: str
    keys: tuple[str, ...]
    evolvers: Mapping[type[Event], EvolveHandler]
    code: str
    snapshot_every: int

    def subject(self, values: Sequence[object]) -> Subject:
        """The one of this class with these key values, in the order of its ``Key`` fields."""
        if len(values) != len(self.keys):
            raise InvalidInputError(
                f"{self.cls.__name__} has the key {', '.join(self.keys)}, got {len(values)} values",
                what=self.keys[0],
                remedy="Give one value for each.",
            )
        return Subject(self, tuple(values))

    @property
    def type_names(self) -> tuple[str, ...]:
        return tuple(sorted(name_of(event) for event in self.evolvers))


class Subject(msgspec.Struct, frozen=True, eq=False):
    """One aggregate or boundary: a class and its key."""

    definition: Definition
    key: tuple[object, ...]

    @property
    def stream(self) -> str:
        """The stream that it writes to: ``category-key``; several or odd keys of a boundary are quoted."""
        texts = [text_of(value) for value in self.key]
        if self.definition.is_boundary:
            texts = [quote(text, safe="") for text in texts]
        return checked_stream(f"{self.definition.category}-{'+'.join(texts)}")

    @property
    def criteria(self) -> Criteria:
        """The events that a boundary is about: the types it folds, with a tag for each key."""
        tags = [tag(name, value) for name, value in zip(self.definition.keys, self.key, strict=True)]
        return Criteria.of(types=self.definition.type_names, tags=tags)

    def new(self) -> Any:
        """Its state before any event."""
        return self.definition.cls(**dict(zip(self.definition.keys, self.key, strict=True)))


def define(cls: type[Any], *, is_boundary: bool) -> Definition:
    """Compile a decider class.

    Raises ``DefinitionError`` for a class without a ``Key``, an aggregate with several, and a field without default.
    """
    keys = marked(cls, KEY)
    if not keys or (len(keys) > 1 and not is_boundary):
        raise DefinitionError(
            f"{cls.__name__} has {len(keys) or 'no'} Key field{'s' if len(keys) > 1 else ''}",
            cls,
            remedy=f"Mark the one that names its stream, as in {cls.__name__.lower()}_id: Key[str].",
        )
    for field in msgspec.structs.fields(cls):
        if field.required and field.name not in keys:
            raise DefinitionError(
                f"{cls.__name__}.{field.name} has no default",
                cls,
                remedy="It needs one: state begins before any event.",
            )
    handlers = evolvers(cls)
    for handler in handlers.values():
        _refuse_wishes(handler)
    if is_boundary and not handlers:
        raise DefinitionError(
            f"{cls.__name__} folds no event", cls, remedy="Add an @evolve: its criteria come from it."
        )
    return Definition(
        cls=cls,
        is_boundary=is_boundary,
        category=snake_name_of(cls),
        keys=keys,
        evolvers=handlers,
        code=fingerprint(cls, handlers),
        snapshot_every=_snapshot_every(cls),
    )


def _refuse_wishes(handler: EvolveHandler) -> None:
    if handler.mark != PLAIN or len(inspect.signature(handler.function).parameters) != 2:
        raise DefinitionError(
            f"{handler.function.__qualname__} asks for what only a read model's fold can have",
            handler.function,
            remedy="Write @evolve without arguments, and (self, event: SomeEvent).",
        )


def _snapshot_every(cls: type) -> int:
    every: int = getattr(cls, SNAPSHOTS, 0)
    if every:
        try:
            msgspec.msgpack.Decoder(cls)
        except TypeError as error:
            raise DefinitionError(
                f"{cls.__name__} cannot be kept as a snapshot: {error}", cls, remedy="Use fields of plain types."
            ) from error
    return every


def fingerprint(cls: type, handlers: Mapping[type[Event], EvolveHandler]) -> str:
    """A name for the code that folds: other fields, folds or schema versions give another one.

    Functions that the folds call are not seen; a snapshot is dropped by hand (``twofold db``) or by raising the
    class's version in ``@stored_as`` when one of those changes its meaning.
    """
    seen = hashlib.blake2b(digest_size=16)
    parts: list[object] = [
        name_of(cls),
        version_of(cls),
        sorted((name, repr(hint)) for name, hint in fields(cls).items()),
    ]
    for event, handler in sorted(handlers.items(), key=lambda pair: name_of(pair[0])):
        parts += [name_of(event), version_of(event), _code(handler.function)]
    for part in parts:
        seen.update(repr(part).encode())
    return seen.hexdigest()


def _code(function: Callable[..., Any]) -> object:
    return _constants(function.__code__)


def _constants(code: CodeType) -> object:
    inner = [_constants(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return code.co_code, code.co_names, inner
