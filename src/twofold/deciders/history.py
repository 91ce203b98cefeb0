"""The write model itself, now or in the past."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from twofold.deciders.definition import Subject
from twofold.deciders.states import PAGE_MAX, State, States
from twofold.errors import InvalidInputError, NotFoundError
from twofold.messages.registry import Registry
from twofold.store.limits import checked_version
from twofold.store.port import EventStore, Page


class History:
    """Loads what a stream or boundary folds to; what it gives is the caller's own copy."""

    def __init__(self, states: States, store: EventStore, registry: Registry) -> None:
        self._states, self._store, self._registry = states, store, registry

    async def now(self, subject: Subject) -> Any:
        """The state at the head of the log, as strongly consistent as a decision."""
        return copy.deepcopy((await self._states.current(subject)).value)

    async def at_version(self, subject: Subject, version: int) -> Any:
        """The state just after that version of its stream, 0 for before the first event.

        Raises ``NotFoundError`` where the stream is shorter, ``InvalidInputError`` for a boundary, which has no version.
        """
        if subject.definition.is_boundary:
            raise InvalidInputError(
                f"{subject.definition.cls.__name__} is a boundary and has no version",
                what="at_version",
                remedy="Ask for a time: at=.",
            )
        state = await self._past(subject, checked_version(version, "at_version"), None)
        if state.at < version:
            raise NotFoundError("event", f"{version} of {subject.stream}", remedy=f"Its newest version is {state.at}.")
        return state.value

    async def at_time(self, subject: Subject, at: datetime) -> Any:
        """The state after the last event before the first one that was recorded later than ``at``.

        So it is always a state that existed, even where a clock once went backwards.
        """
        if at.utcoffset() is None:
            raise InvalidInputError(
                f"at has no time zone (value: {at})", what="at", remedy="Use datetime(..., tzinfo=UTC)."
            )
        return (await self._past(subject, None, at)).value

    async def _past(self, subject: Subject, until: int | None, at: datetime | None) -> State:
        state = State(subject, subject.new())
        while True:
            page = await self._page(state, until)
            events = self._registry.page(page.rows)
            late = next((index for index, each in enumerate(events) if at and each.recorded_at > at), None)
            state.take(events[:late])
            state.at = page.reached
            if late is not None or not page.full:
                return state

    async def _page(self, state: State, until: int | None) -> Page:
        if state.is_boundary:
            return await self._store.read(after=state.at, criteria=state.criteria, count_max=PAGE_MAX)
        return await self._store.read_stream(state.stream, after=state.at, until=until, count_max=PAGE_MAX)
