"""Enrichment: a fold that is given the rows of other read models, by key, as they are at its event."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, get_args, get_origin

import msgspec

from twofold.errors import DefinitionError
from twofold.messages import Event, Recorded
from twofold.messages.handlers import By, EvolveHandler, alternatives
from twofold.messages.markers import KEY, hints, marked
from twofold.projections.model import ReadModel


class Lookup(msgspec.Struct, frozen=True, eq=False):
    """A row that a fold wants to see: of the read model ``cls``, under the key that ``key`` finds in the event."""

    cls: type[Any]
    key: Callable[[Recorded[Event]], Any]


def lookups_of(handler: EvolveHandler) -> tuple[Lookup, ...]:
    """What a fold asks for behind its event, as in ``customer: Annotated[Customer | None, by("customer_id")]``.

    Raises ``DefinitionError`` for a parameter that says no read model or no field of the event.
    """
    known = hints(handler.function)
    names = list(inspect.signature(handler.function).parameters)[2:]
    return tuple(_lookup(handler, name, known.get(name)) for name in names)


def _lookup(handler: EvolveHandler, name: str, hint: object) -> Lookup:
    arguments = get_args(hint) if get_origin(hint) is Annotated else (None,)
    cls = _optional_model(arguments[0])
    found = next((each for each in arguments[1:] if isinstance(each, By)), None)
    if cls is None or found is None:
        raise DefinitionError(
            f"{handler.function.__qualname__} does not say what {name} is",
            handler.function,
            remedy=f'Annotate it: {name}: Annotated[TheReadModel | None, by("field_of_the_event")].',
        )
    _refuse_misfits(handler, cls, found.names)
    return Lookup(cls, attrgetter(*(f"event.{field}" for field in found.names)))


def _optional_model(hint: object) -> type[ReadModel] | None:
    members = alternatives(hint)
    models = [each for each in members if isinstance(each, type) and issubclass(each, ReadModel)]
    return models[0] if len(models) == 1 and set(members) == {models[0], type(None)} else None


def _refuse_misfits(handler: EvolveHandler, cls: type[ReadModel], names: Sequence[str]) -> None:
    keys = marked(cls, KEY)
    missing = [name for name in names if name not in handler.event_type.__struct_fields__]
    if len(names) != len(keys) or missing:
        raise DefinitionError(
            f"{cls.__name__} has the key {', '.join(keys)}, and by(...) gives {', '.join(names) or 'nothing'}"
            if not missing
            else f"{handler.event_type.__name__} has no {', '.join(missing)}",
            handler.function,
            cls,
            remedy="Name a field of the event for each Key field.",
        )
