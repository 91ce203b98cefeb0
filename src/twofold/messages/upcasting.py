"""Upcasters: how the JSON of an old schema version becomes that of the next one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import msgspec

from twofold.errors import DefinitionError
from twofold.messages.message import Event
from twofold.messages.naming import name_of, version_of

Fields: TypeAlias = dict[str, Any]
Upcast: TypeAlias = Callable[[Fields], Fields]


class Upcaster(msgspec.Struct, frozen=True):
    """Turns the fields of ``event_type`` at schema ``from_version`` into those of the next version; pure."""

    event_type: type[Event]
    from_version: int
    function: Upcast


def upcasts(event_type: type[Event], *, from_version: int) -> Callable[[Upcast], Upcaster]:
    """Declare an upcaster, to be listed in ``App(...)``: it gets and gives the event's fields as JSON values."""

    def declare(function: Upcast) -> Upcaster:
        current = version_of(event_type)
        if not 1 <= from_version < current:
            raise DefinitionError(
                f"An upcaster from version {from_version} of {name_of(event_type)}, which is at version {current}",
                function,
                event_type,
                remedy=f"Raise the version with @stored_as({name_of(event_type)!r}, version={from_version + 1}).",
            )
        return Upcaster(event_type, from_version, function)

    return declare


def chains(events: Collection[type[Event]], upcasters: Collection[Upcaster]) -> Mapping[tuple[str, int], list[Upcast]]:
    """For each old (type name, schema version) the functions that lead to the current version, in order.

    Raises ``DefinitionError`` for two upcasters of one version and for a version without a way to the current one.
    """
    steps: dict[tuple[str, int], Upcaster] = {}
    for upcaster in upcasters:
        step = (name_of(upcaster.event_type), upcaster.from_version)
        if step in steps:
            raise DefinitionError(
                f"Two upcasters from version {step[1]} of {step[0]}", steps[step].function, upcaster.function
            )
        steps[step] = upcaster
    found: dict[tuple[str, int], list[Upcast]] = {}
    for event in events:
        chain: list[Upcast] = []
        for version in range(version_of(event) - 1, 0, -1):
            if (name_of(event), version) not in steps:
                raise DefinitionError(
                    f"{name_of(event)} is at version {version_of(event)}, but nothing upcasts version {version}",
                    event,
                    remedy=f"Add an @upcasts({event.__name__}, from_version={version}) function to App(...).",
                )
            chain = [steps[name_of(event), version].function, *chain]
            found[name_of(event), version] = chain
    return found
