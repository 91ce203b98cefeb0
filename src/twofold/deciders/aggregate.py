"""What a user derives from: ``Aggregate`` (one stream), ``Boundary`` (criteria), and the marks on their methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

import msgspec

from twofold.deciders.definition import SNAPSHOTS
from twofold.errors import DefinitionError
from twofold.messages.handlers import By
from twofold.messages.keyword import KeywordOnly

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

DECIDE = "__twofold_decide__"
DECIDES = "__twofold_decides__"

if TYPE_CHECKING:

    @dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
    class _State:
        """A folded state. (Type checkers see this twin: they do not inherit a Struct's options.)"""

else:

    class _State(msgspec.Struct, metaclass=KeywordOnly):
        """A folded state: a mutable struct with a default for every field but its key."""


class Aggregate(_State):
    """The state that one stream folds to, and the decisions that append to that stream.

    It has one ``Key`` field; its stream is ``category-key``, where the category is the class's name in snake case
    (or ``@stored_as``). Methods marked ``@evolve`` change it, methods marked ``@decide`` look at it and return events.
    """


class Boundary(_State):
    """The state that a set of events folds to, whatever their streams: a dynamic consistency boundary.

    It is about the events whose types it evolves and that carry a tag for each of its ``Key`` fields. A decision
    holds only if no other such event was appended meanwhile. (The idea: Pellegrini, "Killing the aggregate", 2023.)
    """


@overload
def decide(function: F, /) -> F: ...
@overload
def decide(*, by: str | tuple[str, ...]) -> Callable[[F], F]: ...
def decide(function: F | None = None, /, *, by: str | tuple[str, ...] = ()) -> F | Callable[[F], F]:
    """Mark a method ``(self, command: SomeCommand) -> SomeEvent`` that decides on a command.

    It returns an event, several (a list, tuple or generator), or None, or raises ``Rejected``; it changes nothing.
    ``by`` names the command's fields that hold the key, where they are called otherwise than the ``Key`` fields.
    """

    def mark(marked: F) -> F:
        setattr(marked, DECIDE, By(*((by,) if isinstance(by, str) else by)))
        return marked

    return mark(function) if function is not None else mark


def decides(function: F) -> F:
    """Mark a function ``(command: C, a: Annotated[A, by("a_id")], …)`` that decides over several deciders.

    It gives pairs of one of those states and an event; all are appended together, each stream at the version that the
    decision saw. A pair's event goes to that state's stream.
    """
    setattr(function, DECIDES, True)
    return function


def snapshots(*, every: int) -> Callable[[C], C]:
    """Keep a snapshot of a decider whenever it has folded this many more events. It is a cache: losing it is harmless."""

    def keep(cls: C) -> C:
        if every < 1:
            raise DefinitionError(f"A snapshot every {every} events", cls, remedy="Give a number from 1.")
        setattr(cls, SNAPSHOTS, every)
        return cls

    return keep
