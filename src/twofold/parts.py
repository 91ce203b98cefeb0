"""What an app is made of: its parts sorted into what decides, what is said, what is folded and what answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from twofold.deciders.aggregate import DECIDES
from twofold.deciders.decision import Decision, by_command, decision_over, decisions_of, definition_of, is_decider
from twofold.deciders.definition import Definition
from twofold.errors import DefinitionError
from twofold.messages import Command, Event, Query, Registry, Upcaster
from twofold.messages.handlers import evolvers
from twofold.projections import (
    PROJECTS,
    Projection,
    ReadModel,
    SetProjection,
    SqlProjection,
    by_name,
    define,
    groups_of,
    sql_projection,
)
from twofold.queries import ANSWERS, Answerer, answerer


class Parts(msgspec.Struct, frozen=True):
    """The compiled parts of an app.

    ``definitions`` are its deciders, ``decisions`` who decides on each command, ``projections`` and ``answerers`` its
    read side, and ``registry`` every message that any of them names.
    """

    definitions: Mapping[type, Definition]
    decisions: Mapping[type[Command], Decision]
    projections: Sequence[Projection]
    sql_projections: Sequence[SqlProjection]
    answerers: Sequence[Answerer]
    registry: Registry


def sort_parts(parts: Sequence[object]) -> Parts:
    """Sort and compile what was given to ``App(...)``.

    Raises ``DefinitionError``, with file and line, for a part that is none and for every mistake in a definition.
    """
    for part in parts:
        if not any(fits(part) for fits in KINDS):
            raise DefinitionError(
                f"{part!r} is no part of an app",
                *((part,) if callable(part) else ()),
                remedy="Give deciders, read models, messages, upcasters, and functions marked @decides or @answers.",
            )
    once = list(dict.fromkeys(parts))
    definitions = {part: definition_of(part) for part in once if isinstance(part, type) and is_decider(part)}
    read_models = [part for part in once if isinstance(part, type) and issubclass(part, ReadModel)]
    decisions = [
        *(decision for definition in definitions.values() for decision in decisions_of(definition)),
        *(decision_over(part, definitions) for part in once if callable(part) and hasattr(part, DECIDES)),
    ]
    answerers = [answerer(part) for part in once if callable(part) and hasattr(part, ANSWERS)]
    projections = [define(cls) for cls in read_models]
    sql_projections = [sql_projection(part) for part in once if _is_sql_projection(part)]
    groups_of(by_name(projections).values(), sql_projections)
    return Parts(
        definitions=definitions,
        decisions=by_command(decisions),
        projections=projections,
        sql_projections=sql_projections,
        answerers=answerers,
        registry=Registry(
            events=_events(once, decisions, read_models, sql_projections),
            commands=_types(once, Command) | {decision.command_type: None for decision in decisions},
            queries=_types(once, Query) | {each.query_type: None for each in answerers},
            upcasters=[part for part in once if isinstance(part, Upcaster)],
        ),
    )


def _is_message(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, (Command, Event, Query))


def _is_sql_projection(part: object) -> bool:
    return isinstance(part, SetProjection) or (callable(part) and hasattr(part, PROJECTS))


def _is_read_model(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, ReadModel)


KINDS: tuple[Callable[[object], bool], ...] = (
    is_decider,
    _is_read_model,
    _is_message,
    _is_sql_projection,
    lambda part: isinstance(part, Upcaster),
    lambda part: callable(part) and (hasattr(part, DECIDES) or hasattr(part, ANSWERS)),
)


def _events(
    parts: Sequence[object],
    decisions: Sequence[Decision],
    read_models: Sequence[type[ReadModel]],
    sql_projections: Sequence[SqlProjection],
) -> dict[type[Event], None]:
    found: dict[type[Event], None] = _types(parts, Event)
    for decision in decisions:
        found |= dict.fromkeys(sorted(decision.events, key=lambda event: event.__name__))
        for role in decision.roles:
            found |= dict.fromkeys(role.definition.evolvers)
    for each in sql_projections:
        found |= dict.fromkeys(each.event_types)
    for cls in (*filter(is_decider, parts), *read_models):
        found |= dict.fromkeys(evolvers(cls))  # type: ignore[arg-type]  # is_decider has seen that it is a class
    return found | dict.fromkeys(part.event_type for part in parts if isinstance(part, Upcaster))


def _types(parts: Sequence[object], kind: type[Any]) -> dict[type[Any], None]:
    return {part: None for part in parts if isinstance(part, type) and issubclass(part, kind)}


__all__ = ["Parts", "sort_parts"]
