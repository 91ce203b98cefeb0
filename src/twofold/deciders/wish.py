"""A command on its way: its id, its body's digest, what its decision gave, and the append that follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from twofold.deciders.decision import Decision
from twofold.deciders.states import State
from twofold.errors import DefinitionError
from twofold.messages.message import Command, Event
from twofold.messages.metadata import Context, Recorded, metadata_json, new_id
from twofold.messages.naming import name_of, version_of
from twofold.store.limits import checked_key
from twofold.store.port import Append, Appended, Condition, NewEvent

Decided: TypeAlias = list[tuple[State, Event]]
Encoded: TypeAlias = tuple[State, Event, bytes, tuple[str, ...]]
Written: TypeAlias = tuple[State, Recorded[Event], tuple[str, ...]]
"""An event that was appended: for whose stream, as the log holds it, its tags."""


class Wish:
    """One command, with what is recorded about its sending."""

    __slots__ = ("at", "command", "command_id", "context", "decision", "digest", "id_was_given")

    def __init__(
        self, decision: Decision, command: Command, data: bytes, command_id: str | None, context: Context, at: datetime
    ) -> None:
        self.decision, self.command, self.context, self.at = decision, command, context, at
        self.id_was_given = command_id is not None
        self.command_id = checked_key(command_id) if command_id is not None else new_id()
        self.digest = hashlib.blake2b(name_of(type(command)).encode() + data, digest_size=16).digest()

    def append(self, encoded: Sequence[Encoded], states: Sequence[State]) -> Append:
        """The append of these events, on condition that nothing has happened to any of these states."""
        metadata = metadata_json(self.context, self.command_id, self.at)
        return Append(
            events=tuple(
                [
                    NewEvent(owner.stream, name_of(type(event)), version_of(type(event)), data, next(metadata), tags)
                    for owner, event, data, tags in encoded
                ]
            ),
            expected={state.stream: state.at for state in states if not state.is_boundary},
            conditions=tuple([Condition(state.criteria, state.at) for state in states if state.is_boundary]),
            key=self.command_id,
            digest=self.digest,
        )


def decided_by(wish: Wish, states: Sequence[State]) -> Decided:
    """What the decision gives on these states: each event with the state whose stream it goes to."""
    found: Decided = []
    for value, event in wish.decision.function(wish.command, *[state.value for state in states]):
        for state in states:
            if state.value is value and isinstance(event, Event):
                found.append((state, event))
                break
        else:
            raise DefinitionError(
                f"{name_of(type(wish.command))} was decided with something else than a pair of state and event",
                wish.decision.source,
                remedy="Yield pairs: one of the function's parameters, and an event for its stream.",
            )
    return found


def recorded_by(append: Append, encoded: Sequence[Encoded], appended: Appended) -> list[Written]:
    """The events of an append as the log now holds them, without asking it."""
    versions = dict(appended.versions)
    for new in append.events:
        versions[new.stream] -= 1
    found: list[Written] = []
    for position, (new, (owner, event, _, tags)) in enumerate(zip(append.events, encoded, strict=True), appended.first):
        versions[new.stream] += 1
        version = versions[new.stream]
        recorded = Recorded(event, position, new.stream, version, new.type, new.schema, new.data, new.metadata)
        found.append((owner, recorded, tags))
    return found
