"""What commands, events and queries share: typed, immutable, made by keyword."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, dataclass_transform

import msgspec

from twofold.messages.keyword import KeywordOnly
from twofold.messages.markers import fields

if TYPE_CHECKING:
    from typing import Self

AnswerT = TypeVar("AnswerT", covariant=True)

if TYPE_CHECKING:

    @dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
    class Message:
        """A fact, wish or question. (Type checkers see this twin: they do not inherit a Struct's options.)"""

        __struct_fields__: tuple[str, ...]

else:

    class Message(msgspec.Struct, metaclass=KeywordOnly, frozen=True, forbid_unknown_fields=True, gc=False):
        """A fact, wish or question, with msgspec's types and constraints; unknown fields are refused."""


class Command(Message):
    """A wish, in the imperative: ``EnrollFamily``. Somebody decides on it."""


class Event(Message):
    """A fact, in the past tense: ``FamilyEnrolled``."""

    @classmethod
    def of(cls, source: object, **more: object) -> Self:
        """The event with every same-named field of ``source`` (a command, usually) and what else is given.

        Raises ``TypeError`` where a field without default is neither there nor given.
        """
        same = {
            name: getattr(source, name) for name in cls.__struct_fields__ if name not in more and hasattr(source, name)
        }
        return cls(**same, **more)


class Query(Message, Generic[AnswerT]):
    """A question with the type of its answer: ``class GetFamily(Query[FamilyView | None])``."""


class OpaqueEvent(Event):
    """An event of the log that this code cannot read: an unknown type, a newer schema, a shape that does not fit.

    ``data`` is its JSON as stored and ``reason`` says what is in the way. It never breaks a reader of the log;
    a fold that declares its type refuses it.
    """

    type: str
    schema: int
    data: bytes
    reason: str


__all__ = ["Command", "Event", "Message", "OpaqueEvent", "Query", "fields"]
