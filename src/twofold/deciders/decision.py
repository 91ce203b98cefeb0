"""What decides on each command: methods of deciders and free functions, compiled to one form."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

import msgspec

from twofold.deciders.aggregate import DECIDE, Aggregate, Boundary
from twofold.deciders.definition import Definition, Subject, define
from twofold.errors import DefinitionError
from twofold.messages.handlers import By, methods_with, parameter_hint
from twofold.messages.markers import hints
from twofold.messages.message import Command, Event


class Role(msgspec.Struct, frozen=True, eq=False):
    """One state that a decision needs, and the command's fields that hold its key."""

    definition: Definition
    fields: tuple[str, ...]

    def subject(self, command: Command) -> Subject:
        return self.definition.subject([getattr(command, name) for name in self.fields])


class Decision(msgspec.Struct, frozen=True, eq=False):
    """Who decides on a command, over which states.

    ``function`` takes the command and the states in the order of ``roles`` and gives pairs of a state and an event.
    ``events`` are those that the annotation of ``source`` says it returns.
    """

    command_type: type[Command]
    roles: tuple[Role, ...]
    function: Callable[..., Iterable[tuple[Any, object]]]
    source: Callable[..., Any]

    @property
    def events(self) -> frozenset[type[Event]]:
        return frozenset(_events_named(hints(self.source).get("return")))


def decisions_of(definition: Definition) -> list[Decision]:
    """The decisions that a decider class makes on its own."""
    return [_method(definition, function) for function in methods_with(definition.cls, DECIDE)]


def decision_over(function: Callable[..., Any], definitions: Mapping[type, Definition]) -> Decision:
    """The decision that a function marked ``@decides`` makes over several deciders.

    ``definitions`` are those known already; others are compiled and only used here.
    """
    command_type = _command_type(function, index=0)
    known = hints(function)
    roles = [
        _role(function, command_type, name, known.get(name), definitions)
        for name in list(inspect.signature(function).parameters)[1:]
    ]
    if not roles:
        raise DefinitionError(f"{function.__qualname__} decides over nothing", function, remedy=_ANNOTATE)
    return Decision(command_type, tuple(roles), lambda *given: function(*given) or (), function)


def by_command(decisions: Iterable[Decision]) -> dict[type[Command], Decision]:
    """The one decision for each command; ``DefinitionError`` where there are two."""
    found: dict[type[Command], Decision] = {}
    for decision in decisions:
        other = found.setdefault(decision.command_type, decision)
        if other is not decision:
            raise DefinitionError(
                f"Two handlers decide on {decision.command_type.__name__}",
                other.source,
                decision.source,
                remedy="A command has one handler: remove the other, or give it a command of its own.",
            )
    return found


def is_decider(thing: object) -> bool:
    """Whether this is a class derived from ``Aggregate`` or ``Boundary``."""
    return isinstance(thing, type) and issubclass(thing, (Aggregate, Boundary))


def definition_of(cls: type) -> Definition:
    """The compiled form of a decider class."""
    return define(cls, is_boundary=issubclass(cls, Boundary))


def _method(definition: Definition, function: Callable[..., Any]) -> Decision:
    command_type = _command_type(function, index=1)
    names = getattr(function, DECIDE).names or definition.keys
    role = Role(definition, _checked_fields(function, command_type, definition, names))

    def decide(command: Command, state: Any) -> Iterable[tuple[Any, Event]]:
        found = function(state, command)
        if isinstance(found, Event):
            return ((state, found),)
        return [(state, event) for event in _events(found, function)]

    return Decision(command_type, (role,), decide, function)


def _events_named(hint: object) -> Iterator[type[Event]]:
    if isinstance(hint, type) and issubclass(hint, Event) and hint is not Event:
        yield hint
    for inner in get_args(hint):
        yield from _events_named(inner)


def _events(found: object, function: Callable[..., Any]) -> Collection[Event]:
    if found is None:
        return ()
    if isinstance(found, Event):
        return (found,)
    return tuple(_event(each, function) for each in (found if isinstance(found, Iterable) else (found,)))


def _event(found: object, function: Callable[..., Any]) -> Event:
    if isinstance(found, Event):
        return found
    raise DefinitionError(
        f"{function.__qualname__} gave a {type(found).__name__}, which is no Event",
        function,
        remedy="Return an event, several, or None; raise Rejected to refuse.",
    )


def _role(
    function: Callable[..., Any], command_type: type[Command], name: str, hint: object, known: Mapping[type, Definition]
) -> Role:
    cls, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if not (isinstance(cls, type) and is_decider(cls)):
        raise DefinitionError(
            f"{function.__qualname__}: {name} is no Aggregate or Boundary", function, remedy=_ANNOTATE
        )
    definition = known.get(cls) or definition_of(cls)
    names = next((mark.names for mark in marks if isinstance(mark, By)), definition.keys)
    return Role(definition, _checked_fields(function, command_type, definition, names))


def _command_type(function: Callable[..., Any], *, index: int) -> type[Command]:
    hint = parameter_hint(function, "command", index=index)
    if not (isinstance(hint, type) and issubclass(hint, Command)):
        raise DefinitionError(
            f"{function.__qualname__} takes {hint!r}, which is no Command",
            function,
            remedy="Derive the class from Command, or annotate another one.",
        )
    return hint


def _checked_fields(
    function: Callable[..., Any], command_type: type[Command], definition: Definition, names: Sequence[str]
) -> tuple[str, ...]:
    missing = [name for name in names if name not in command_type.__struct_fields__]
    if missing or len(names) != len(definition.keys):
        raise DefinitionError(
            f"{command_type.__name__} does not say which {definition.cls.__name__}: it has no field "
            f"{', '.join(missing or definition.keys)}",
            function,
            command_type,
            remedy='Add the field, or name another one: @decide(by="…"), Annotated[…, by("…")].',
        )
    return tuple(names)


_ANNOTATE = 'Annotate each state: source: Annotated[Account, by("source_id")].'
