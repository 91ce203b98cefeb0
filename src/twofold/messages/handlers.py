"""``@evolve``: which method folds which event, read from its annotation, for deciders and read models alike."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, overload

import msgspec

from twofold.errors import DefinitionError
from twofold.messages.markers import hints
from twofold.messages.message import Event
from twofold.messages.metadata import Recorded

F = TypeVar("F", bound=Callable[..., Any])

_EVOLVE = "__twofold_evolve__"


class Evolve(msgspec.Struct, frozen=True, kw_only=True):
    """The mark that ``@evolve`` leaves on a function; see there."""

    key: Callable[[Any], object] | None = None
    where: str | None = None
    creates: bool = False
    if_exists: bool = False
    moves: bool = False
    always: bool = False


PLAIN = Evolve()
"""The mark without any wish: all that a decider's fold may have."""


class By:
    """Which fields hold a key, in the order of the ``Key`` fields."""

    def __init__(self, *names: str) -> None:
        self.names = names


def by(*names: str) -> By:
    """``Annotated[Account, by("source_id")]``: the one whose key is the message's ``source_id``."""
    return By(*names)


class EvolveHandler(msgspec.Struct, frozen=True):
    """One method that folds one event type into a state or row."""

    function: Callable[..., Any]
    event_type: type[Event]
    wants_recorded: bool
    mark: Evolve


@overload
def evolve(function: F, /) -> F: ...
@overload
def evolve(
    *,
    key: Callable[[Any], object] | None = None,
    where: str | None = None,
    creates: bool = False,
    if_exists: bool = False,
    moves: bool = False,
    always: bool = False,
) -> Callable[[F], F]: ...
def evolve(
    function: F | None = None,
    /,
    *,
    key: Callable[[Any], object] | None = None,
    where: str | None = None,
    creates: bool = False,
    if_exists: bool = False,
    moves: bool = False,
    always: bool = False,
) -> F | Callable[[F], F]:
    """Mark a method ``(self, event: SomeEvent) -> None`` that changes ``self`` as the event says.

    It must be pure: no clock, database or randomness. Annotate the event as ``Recorded[SomeEvent]`` to get its
    position and metadata too, and as ``A | B`` to take several types. The rest is for read models:

    - ``key`` gives the key of the row that the event changes: a tuple where the key has several fields, a list of keys
      where it changes several rows;
    - ``where`` names an indexed column: the event changes every row that holds the event's value there (its field of
      that name, else its stream's id, or what ``key`` gives);
    - ``creates``: this event begins the row. Other events on a row that does not exist are then errors,
      except with ``if_exists``, which lets them pass;
    - ``moves``: the method may assign the key, and the row moves;
    - ``always``: the method runs after each of the others, whichever event it was: ``(self, event: Recorded[Event])``.
    """
    mark = Evolve(key=key, where=where, creates=creates, if_exists=if_exists, moves=moves, always=always)

    def marked(function: F) -> F:
        setattr(function, _EVOLVE, mark)
        return function

    return marked(function) if function is not None else marked


def evolvers(cls: type) -> Mapping[type[Event], EvolveHandler]:
    """The evolve handlers of a class by event type.

    Raises ``DefinitionError`` for a handler without an annotation, one that is ``async`` or of something that is no
    event, and two handlers for one event.
    """
    found: dict[type[Event], EvolveHandler] = {}
    for function in methods_with(cls, _EVOLVE):
        if mark_of(function).always:
            continue
        if inspect.iscoroutinefunction(function):
            raise DefinitionError(
                f"{function.__qualname__} is async, and a fold waits for nothing", function, remedy="Write def."
            )
        hint = parameter_hint(function, "event")
        for event_type, recorded in _event_types(hint, function):
            if event_type in found:
                raise DefinitionError(
                    f"{cls.__name__} folds {event_type.__name__} twice",
                    found[event_type].function,
                    function,
                    remedy="Keep one of them.",
                )
            found[event_type] = EvolveHandler(function, event_type, recorded, mark_of(function))
    return found


def mark_of(function: Callable[..., Any]) -> Evolve:
    """What ``@evolve`` left on this method."""
    mark: Evolve = getattr(function, _EVOLVE)
    return mark


def always_of(cls: type) -> Callable[[Any, Any], None] | None:
    """The method that runs after each of the others. ``DefinitionError`` for a second one."""
    found = [function for function in methods_with(cls, _EVOLVE) if mark_of(function).always]
    if len(found) > 1:
        raise DefinitionError(f"{cls.__name__} has two folds for every event", *found, remedy="Keep one of them.")
    if found and parameter_hint(found[0], "event") != Recorded[Event]:
        raise DefinitionError(
            f"{found[0].__qualname__} is for every event",
            found[0],
            remedy="Annotate its parameter so: (self, event: Recorded[Event]).",
        )
    return found[0] if found else None


def methods_with(cls: type, mark: str) -> list[Callable[..., Any]]:
    """The methods of a class that carry the mark, inherited ones first, an overridden one only once."""
    found: dict[str, Callable[..., Any]] = {}
    for owner in reversed(cls.__mro__):
        for name, member in vars(owner).items():
            if hasattr(member, mark):
                found[name] = member
            else:
                found.pop(name, None)
    return list(found.values())


def parameter_hint(function: Callable[..., Any], what: str, *, index: int = 1) -> object:
    """The annotation of one parameter, the second by default: the one after ``self``."""
    parameters = list(inspect.signature(function).parameters)
    known = hints(function)
    if len(parameters) <= index or parameters[index] not in known:
        raise DefinitionError(
            f"{function.__qualname__} does not say which {what} it takes",
            function,
            remedy=f"Annotate its parameter, as in (self, {what}: SomeClass).",
        )
    return known[parameters[index]]


def alternatives(hint: object) -> tuple[object, ...]:
    """The members of ``A | B``, or the one type."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _event_types(hint: object, function: Callable[..., Any]) -> list[tuple[type[Event], bool]]:
    found: list[tuple[type[Event], bool]] = []
    for each in alternatives(hint):
        recorded = get_origin(each) is Recorded
        for event_type in alternatives(get_args(each)[0]) if recorded else (each,):
            if not (isinstance(event_type, type) and issubclass(event_type, Event)):
                raise DefinitionError(
                    f"{function.__qualname__} takes {event_type!r}, which is no Event",
                    function,
                    remedy="Derive the class from Event, or annotate another one.",
                )
            found.append((event_type, recorded))
    return found
