"""The life of a command: load, decide, append, and on conflict decide again on the new state."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from twofold.clock import Clock
from twofold.deciders.decision import Decision
from twofold.deciders.definition import Subject
from twofold.deciders.receipt import Receipt
from twofold.deciders.states import State, States, Turns
from twofold.deciders.wish import Decided, Wish, Written, decided_by, recorded_by
from twofold.errors import ConflictError, Rejected, UnknownMessageError
from twofold.messages.codec import validated
from twofold.messages.message import Command
from twofold.messages.metadata import Context
from twofold.messages.naming import name_of
from twofold.messages.registry import Registry
from twofold.store.appender import Appender
from twofold.store.port import Appended, EventStore, Head

log = logging.getLogger("twofold.deciders")


class Handling:
    """Handles commands: each one atomically, at most once for a command id, on a state that nobody changed meanwhile.

    After a conflict it reads what the rivals appended and decides again, ``attempts_max`` times in all.
    """

    def __init__(
        self,
        decisions: Mapping[type[Command], Decision],
        *,
        states: States,
        appender: Appender,
        store: EventStore,
        registry: Registry,
        clock: Clock,
        head: Head,
        attempts_max: int = 100,
    ) -> None:
        self._decisions, self._states, self._appender, self._store = decisions, states, appender, store
        self._registry, self._clock, self._head = registry, clock, head
        self._attempts_max = attempts_max
        self._turns = Turns()

    async def handle(self, command: Command, command_id: str | None, context: Context) -> Receipt:
        """Decide on a command and append what was decided.

        Raises ``InvalidInputError``, ``UnknownMessageError``, ``Rejected``, ``KeyReusedError``, ``ConflictError`` (after
        the last attempt) and the store's errors; only ``OutcomeUnknownError`` leaves the outcome open.
        """
        decision = self._decisions.get(type(command))
        if decision is None:
            known = tuple(sorted(name_of(each) for each in self._decisions))
            raise UnknownMessageError("command", name_of(type(command)), known=known)
        valid, data = validated(command)
        wish = Wish(decision, valid, data, command_id, context, self._clock.now())
        subjects = [role.subject(valid) for role in decision.roles]
        if not self._turns.take_at_once(subjects):
            await self._turns.take(subjects)
        try:
            return await self._until_settled(wish, subjects)
        finally:
            self._turns.give(subjects)

    async def _until_settled(self, wish: Wish, subjects: Sequence[Subject]) -> Receipt:
        cached = [self._states.cached(subject) for subject in subjects]
        states = [known or await self._states.current(subject) for known, subject in zip(cached, subjects, strict=True)]
        fresh, attempts = not any(cached), 0
        while True:
            attempts += 1
            try:
                pairs = decided_by(wish, states)
                if pairs or fresh:
                    return await self._append(wish, states, pairs)
            except Rejected as refusal:
                if fresh:
                    return await self._same_answer_or(refusal, wish)
            except ConflictError:
                if attempts >= self._attempts_max:
                    raise
            # After a conflict, and after a no on cached states: those may be old, so look before saying it.
            for state in states:
                await self._states.refresh(state)
            fresh = True

    async def _append(self, wish: Wish, states: Sequence[State], pairs: Decided) -> Receipt:
        if not pairs and not wish.id_was_given:
            head = (await self._store.head()).position
            return self._receipt(wish, Appended(head + 1, head, {}))
        encoded = [(state, *self._registry.encode(event)) for state, event in pairs]
        append = wish.append(encoded, states)
        appended = await self._appender.append(append)
        if not appended.replayed:
            recorded = recorded_by(append, encoded, appended)
            for state in states:
                self._evolve(state, recorded, appended)
                if state.wants_snapshot:
                    await self._states.keep(state)
        return self._receipt(wish, appended)

    def _evolve(self, state: State, recorded: Sequence[Written], appended: Appended) -> None:
        """Bring a state up to its own append. That is done and durable: no failure here may deny it."""
        try:
            state.take_own(recorded, appended)
        except Exception:
            self._states.forget(state.subject)
            log.exception("%s was appended to, but cannot be folded here; it will be loaded anew", state.stream)

    async def _same_answer_or(self, refusal: Rejected, wish: Wish) -> Receipt:
        """A repeated command may be refused only because its first time succeeded: then it gets that answer again."""
        if wish.id_was_given:
            appended = await self._appender.recall(wish.command_id, wish.digest)
            if appended is not None:
                return self._receipt(wish, appended)
        raise refusal

    def _receipt(self, wish: Wish, appended: Appended) -> Receipt:
        return Receipt(
            command_id=wish.command_id,
            first=appended.first,
            position=appended.last,
            versions=appended.versions,
            replayed=appended.replayed,
            store_id=self._head.store_id,
            epoch=self._head.epoch,
        )
