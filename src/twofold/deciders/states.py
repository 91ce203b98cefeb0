"""Folded states in memory, each at its version: loaded once, then only what is missing."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from twofold.deciders.definition import Definition, Subject
from twofold.errors import FoldError, StoreError
from twofold.messages.message import Event, OpaqueEvent
from twofold.messages.metadata import Recorded
from twofold.messages.registry import Registry
from twofold.store.port import Appended, EventStore, Page, SnapshotStore

log = logging.getLogger("twofold.deciders")

PAGE_MAX = 5000


class State:
    """A folded state and where it stands: ``at`` is its stream's version, for a boundary a position."""

    __slots__ = ("at", "criteria", "is_boundary", "kept_at", "stream", "subject", "value")

    def __init__(self, subject: Subject, value: Any, at: int = 0) -> None:
        self.subject = subject
        self.value = value
        self.at = at
        self.kept_at = at
        self.stream = subject.stream
        self.criteria = subject.criteria
        self.is_boundary = subject.definition.is_boundary

    @property
    def wants_snapshot(self) -> bool:
        """Whether its class's policy asks for one by now."""
        every = self.subject.definition.snapshot_every
        return every > 0 and self.at - self.kept_at >= every

    def take_own(self, recorded: Sequence[tuple[State, Recorded[Event], Collection[str]]], appended: Appended) -> None:
        """Fold those events of an append, each with the state it was written for and its tags, that are this state's.

        Whoever loads the state meanwhile may have read them from the log already: then they are passed over.
        """
        if self.is_boundary:
            matches, at = self.criteria.matches, self.at
            self.take([each for _, each, tags in recorded if each.position > at and matches(each.type, tags)])
            self.at = max(at, appended.last)
        else:
            self.take([each for owner, each, _ in recorded if owner is self and each.version > self.at])
            self.at = max(self.at, appended.versions.get(self.stream, 0))

    def take(self, events: Iterable[Recorded[Event]]) -> None:
        """Fold events in order; those that its class does not evolve are passed over."""
        fold(self.subject.definition, self.value, events)


def fold(definition: Definition, value: Any, events: Iterable[Recorded[Event]]) -> None:
    """Fold events into a state.

    Raises ``FoldError`` for one that the class evolves but that cannot be decoded: the state would be wrong.
    """
    handlers = definition.evolvers
    for recorded in events:
        event = recorded.event
        handler = handlers.get(type(event))
        if handler is not None:
            handler.function(value, recorded if handler.wants_recorded else event)
        elif type(event) is OpaqueEvent and event.type in definition.type_names:
            raise FoldError(
                definition.cls.__name__,
                event_type=event.type,
                position=recorded.position,
                key=recorded.stream,
                reason=event.reason,
            )


class States:
    """The write model's memory: at most ``states_max`` states, the longest unused ones forgotten first."""

    def __init__(
        self, store: EventStore, registry: Registry, snapshots: SnapshotStore | None = None, *, states_max: int = 10_000
    ) -> None:
        self._store, self._registry, self._snapshots = store, registry, snapshots
        self._states_max = states_max
        self._states: OrderedDict[tuple[type, tuple[object, ...]], State] = OrderedDict()

    def cached(self, subject: Subject) -> State | None:
        """The state as it was last seen here; somebody else may have appended since."""
        key = (subject.definition.cls, subject.key)
        state = self._states.get(key)
        if state is not None:
            self._states.move_to_end(key)
        return state

    async def current(self, subject: Subject) -> State:
        """The state at the head of the log: from memory or a snapshot, and then only the events that are missing."""
        state = self.cached(subject) or await self._revive(subject) or State(subject, subject.new())
        await self.refresh(state)
        self._remember(state)
        return state

    async def refresh(self, state: State) -> bool:
        """Fold what was appended since; whether there was anything. A state that cannot be folded is forgotten."""
        changed = False
        while True:
            at = state.at
            page = await self._read(state)
            if state.at != at:
                changed = True  # Somebody else has brought it further meanwhile; this page may overlap with that.
                continue
            try:
                state.take(self._registry.page(page.rows))
            except BaseException:
                self.forget(state.subject)
                raise
            changed = changed or bool(page.rows)
            state.at = page.reached
            if not page.full:
                if state.wants_snapshot:
                    await self.keep(state)
                return changed

    async def keep(self, state: State) -> None:
        """Save a snapshot. It is a cache: a failure is told and costs nothing but time."""
        if self._snapshots is None:
            return
        at = state.at
        try:
            encoded = msgspec.msgpack.encode(state.value)
            await self._snapshots.save_snapshot(state.stream, state.subject.definition.code, at, encoded)
        except StoreError as error:
            log.warning("no snapshot of %s: %s", state.stream, error)
        else:
            state.kept_at = at

    def forget(self, subject: Subject) -> None:
        self._states.pop((subject.definition.cls, subject.key), None)

    def _remember(self, state: State) -> None:
        self._states[state.subject.definition.cls, state.subject.key] = state
        if len(self._states) > self._states_max:
            self._states.popitem(last=False)

    async def _read(self, state: State) -> Page:
        if state.is_boundary:
            return await self._store.read(after=state.at, criteria=state.criteria, count_max=PAGE_MAX)
        return await self._store.read_stream(state.stream, after=state.at, count_max=PAGE_MAX)

    async def _revive(self, subject: Subject) -> State | None:
        definition = subject.definition
        if not definition.snapshot_every or self._snapshots is None:
            return None
        found = await self._snapshots.load_snapshot(subject.stream, definition.code)
        if found is None:
            return None
        version, encoded = found
        try:
            return State(subject, msgspec.msgpack.decode(encoded, type=definition.cls), version)
        except msgspec.MsgspecError as error:
            log.warning("the snapshot of %s cannot be read and is passed over: %s", subject.stream, error)
            return None


class Turns:
    """One command at a time for each subject, in the order of asking: rivals in one process wait instead of conflicting."""

    def __init__(self) -> None:
        self._waiting: dict[object, list[asyncio.Future[None]]] = {}

    async def take(self, subjects: Sequence[Subject]) -> None:
        """Wait for the turn of every subject. Subjects are taken in one order by all, so that nobody waits in a ring."""
        taken: list[object] = []
        try:
            for key in self._ordered(subjects):
                queue = self._waiting.get(key)
                if queue is None:
                    self._waiting[key] = []
                else:
                    turn = asyncio.get_running_loop().create_future()
                    queue.append(turn)
                    await self._wait(key, turn)
                taken.append(key)
        except BaseException:
            for key in taken:
                self._pass_on(key)
            raise

    def take_at_once(self, subjects: Sequence[Subject]) -> bool:
        """The turn of one subject, without waiting, if nobody has it: the usual case."""
        if len(subjects) != 1 or (key := _name(subjects[0])) in self._waiting:
            return False
        self._waiting[key] = []
        return True

    def give(self, subjects: Sequence[Subject]) -> None:
        """End the turn."""
        for key in self._ordered(subjects):
            self._pass_on(key)

    async def _wait(self, key: object, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on(key)
            elif turn in (queue := self._waiting.get(key, [])):  # Else it was passed over in the same moment.
                queue.remove(turn)
            raise

    def _pass_on(self, key: object) -> None:
        queue = self._waiting[key]
        while queue:
            turn = queue.pop(0)
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[key]

    @staticmethod
    def _ordered(subjects: Sequence[Subject]) -> list[object]:
        if len(subjects) == 1:
            return [_name(subjects[0])]
        return sorted({_name(subject) for subject in subjects}, key=repr)


def _name(subject: Subject) -> tuple[str, tuple[object, ...]]:
    return subject.definition.category, subject.key
