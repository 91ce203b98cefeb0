"""Where queries are asked: each goes to its function, or is answered from what is kept, as new as it wants to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from time import perf_counter
from typing import Any, Generic, TypeVar

import msgspec

from twofold.deciders.receipt import Receipt
from twofold.errors import DefinitionError, UnknownMessageError
from twofold.messages import Query, name_of
from twofold.messages.codec import validated
from twofold.queries.answers import Answerer
from twofold.queries.asking import Asking
from twofold.queries.changes import TableChanges
from twofold.queries.copies import copier_of, itself
from twofold.queries.kept import Answered, KeptAnswers, QueryKey, key_of
from twofold.queries.sources import Sources
from twofold.queries.tally import QuestionCount, Tally
from twofold.queries.watching import moved
from twofold.work import Work

AnswerT = TypeVar("AnswerT", covariant=True)


class Answer(msgspec.Struct, Generic[AnswerT], frozen=True):
    """An answer that says how fresh it is: it is complete up to ``position`` (it may hold more).

    With ``token`` as ``after`` of the next question, that one is not answered from before this one.
    """

    value: AnswerT
    position: int
    token: str


class Question(msgspec.Struct, frozen=True, eq=False):
    """A type of query that somebody answers."""

    answerer: Answerer
    tally: Tally


class Desk:
    """Answers queries. ``answers_max`` answers of queries declared ``cached`` are kept.

    Raises ``DefinitionError`` for two functions that answer one query.
    """

    def __init__(
        self,
        sources: Sources,
        answerers: Sequence[Answerer],
        changes: TableChanges,
        *,
        work: Work,
        answers_max: int = 10_000,
        slow_seconds: float = 0.2,
    ) -> None:
        self._sources = sources
        self._changes = changes
        self._work = work
        self._kept = KeptAnswers(answers_max)
        self._flights: dict[tuple[QueryKey, int, float], tuple[int, asyncio.Task[Answered]]] = {}
        self._at_once = sources.reader()
        self._questions: dict[type[Query[Any]], Question] = {}
        for each in answerers:
            question = Question(each, Tally(name_of(each.query_type), slow_seconds))
            other = self._questions.setdefault(each.query_type, question).answerer
            if other.function is not each.function:
                raise DefinitionError(
                    f"Two functions answer {each.query_type.__name__}",
                    other.function,
                    each.function,
                    remedy="Keep one of them.",
                )

    async def ask(
        self,
        query: Query[AnswerT],
        *,
        after: Receipt | str | None = None,
        consistent: bool = False,
        wait_seconds: float = 5.0,
    ) -> AnswerT:
        """The answer, from read models that have reached what it must include: those that its statements name.

        Raises ``InvalidInputError`` (the query, or the token), ``UnknownMessageError``, ``BehindError`` after
        ``wait_seconds`` for a statement, ``QueryError``, and what the function itself raises.
        """
        question = self._question(query)
        question.tally.count.asked += 1
        if question.answerer.cached:
            if after is None and not consistent and (answered := self._at_hand(query)) is not None:
                question.tally.count.hits += 1
            else:
                answered = await self._answered(question, query, after, consistent, wait_seconds)
            kept: AnswerT = answered.copy()
            return kept
        with self._work:
            wanted = await self._sources.moments.wanted(after, consistent=consistent)
            query, _ = validated(query)
            computed, _ = await self._computed(question, query, wanted, wait_seconds, noting=False)
        answer: AnswerT = computed
        return answer

    async def answer(
        self,
        query: Query[AnswerT],
        *,
        after: Receipt | str | None = None,
        consistent: bool = False,
        wait_seconds: float = 5.0,
    ) -> Answer[AnswerT]:
        """The same, with how fresh it is."""
        question = self._question(query)
        question.tally.count.asked += 1
        answered = await self._answered(question, query, after, consistent, wait_seconds)
        return Answer(answered.copy(), answered.position, self._sources.moments.token(answered.position))

    async def watch(self, query: Query[AnswerT]) -> AsyncGenerator[AnswerT]:
        """The answer, and then each other one that comes of changed rows, until the app stops."""
        question, last = self._question(query), None
        while not self._changes.closed:
            question.tally.count.asked += 1
            answered = await self._answered(question, query, None, False, 0.0)
            if last is None or bool(answered.value != last.value):
                last = answered
                yield answered.copy()
            await moved(self._sources, self._changes, answered)

    def counts(self) -> Mapping[str, QuestionCount]:
        """What has been asked since the start, by the name of the query."""
        counts = {name_of(cls): question.tally.count for cls, question in self._questions.items()}
        return {name: msgspec.structs.replace(counts[name]) for name in sorted(counts)}

    def close(self) -> None:
        """Let watches end."""
        self._changes.close()

    def _question(self, query: Query[Any]) -> Question:
        question = self._questions.get(type(query))
        if question is None:
            known = tuple(sorted(name_of(each) for each in self._questions))
            raise UnknownMessageError("query", name_of(type(query)), known=known)
        return question

    def _at_hand(self, query: Query[Any]) -> Answered | None:
        """The kept answer, if nobody has to be asked whether it still holds."""
        key = key_of(query)
        answered = self._kept.get(key) if key is not None else None
        if answered is None or not self._sources.feed.tells(answered.checkpoints.keys()):
            return None
        return answered if self._is_unchanged(answered) else None

    def _is_unchanged(self, answered: Answered) -> bool:
        if self._changes.since(answered.count, answered.tables):
            return False
        answered.count = self._changes.count
        answered.used = True
        return True

    async def _answered(
        self,
        question: Question,
        query: Query[Any],
        after: Receipt | str | None,
        consistent: bool,
        wait_seconds: float,
    ) -> Answered:
        with self._work:
            wanted = await self._sources.moments.wanted(after, consistent=consistent)
            query, _ = validated(query)
            key = key_of(query) if question.answerer.cached else None
            if key is None:
                return await self._noted(question, query, wanted, wait_seconds)
            kept = self._kept.get(key)
            if kept is not None and await self._holds(kept, wanted, wait_seconds):
                question.tally.count.hits += 1
                return kept
            return await self._shared(question, query, key, wanted, wait_seconds)

    async def _holds(self, kept: Answered, wanted: int, wait_seconds: float) -> bool:
        """Whether a kept answer is still what one would find, at ``wanted`` or beyond."""
        names = kept.checkpoints.keys()
        if wanted > kept.position:
            await self._sources.feed.reach(names, wanted, timeout_seconds=wait_seconds)
        if self._sources.feed.tells(names):
            if not self._is_unchanged(kept):
                return False
        elif await self._sources.checkpoints(names) != kept.checkpoints:
            return False
        kept.position = max(kept.position, wanted)
        return True

    async def _shared(
        self, question: Question, query: Query[Any], key: QueryKey, wanted: int, wait_seconds: float
    ) -> Answered:
        """The answer to all who ask the same now. Whoever asks after a change of rows does not get one begun before it."""
        count, flight = self._flights.get((key, wanted, wait_seconds), (-1, None))
        if flight is None or count != self._changes.count:
            question.tally.count.misses += 1
            flight = asyncio.create_task(self._kept_too(question, query, key, wanted, wait_seconds))
            self._flights[key, wanted, wait_seconds] = self._changes.count, flight
            flight.add_done_callback(lambda done: self._landed((key, wanted, wait_seconds), done))
        else:
            question.tally.count.hits += 1
        return await asyncio.shield(flight)

    def _landed(self, place: tuple[QueryKey, int, float], done: asyncio.Task[Answered]) -> None:
        if self._flights.get(place, (0, None))[1] is done:
            del self._flights[place]
        if not done.cancelled():
            done.exception()  # Whoever asked may have gone away; then nobody else takes notice of it.

    async def _kept_too(
        self, question: Question, query: Query[Any], key: QueryKey, wanted: int, wait_seconds: float
    ) -> Answered:
        answered = await self._noted(question, query, wanted, wait_seconds)
        # Rows that changed meanwhile may or may not be in it, and what names no table nothing would ever drop.
        if answered.tables and not self._changes.since(answered.count, answered.tables):
            self._kept.keep(key, answered)
        return answered

    async def _noted(self, question: Question, query: Query[Any], wanted: int, wait_seconds: float) -> Answered:
        count = self._changes.count
        value, asking = await self._computed(question, query, wanted, wait_seconds, noting=True)
        copier = copier_of(value) if question.answerer.cached else itself
        return Answered(value, asking.position, count, frozenset(asking.tables), asking.checkpoints, copier)

    async def _computed(
        self, question: Question, query: Query[Any], wanted: int, wait_seconds: float, *, noting: bool
    ) -> tuple[Any, Asking]:
        asking = Asking(self._sources, wanted, wait_seconds, noting=noting)
        reader = self._sources.reader(asking) if wanted or noting else self._at_once
        started = perf_counter()
        try:
            return await question.answerer.function(query, reader), asking
        finally:
            question.tally.took(perf_counter() - started - asking.waited_seconds)
