"""Where queries are asked: each goes to its function, or is answered from what is kept, as new as it wants to be."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from twofold.deciders.receipt import Receipt
from twofold.errors import DefinitionError, UnknownMessageError
from twofold.messages import Query, name_of
from twofold.messages.codec import validated
from twofold.queries.answers import Answerer
from twofold.queries.caching import Caching
from twofold.queries.changes import TableChanges
from twofold.queries.copies import copier_of
from twofold.queries.kept import Answered, key_of
from twofold.queries.question import Question
from twofold.queries.sources import Sources
from twofold.queries.tally import QuestionCount
from twofold.queries.watching import moved
from twofold.work import Work

AnswerT = TypeVar("AnswerT", covariant=True)

NOTHING_YET: Any = object()

WATCH_SECONDS = 60.0
"""How long a watch waits for a strong read model that still catches up with an older log; nothing else keeps it waiting."""


class Answer(msgspec.Struct, Generic[AnswerT], frozen=True):
    """An answer that says how fresh it is: it is complete up to ``position`` (it may hold more).

    With ``token`` as ``after`` of the next question, that one is not answered from before this one.
    """

    value: AnswerT
    position: int
    token: str


class Desk:
    """Answers queries, and keeps at most ``answers_max`` answers of those declared ``cached``.

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
        self._caching = Caching(sources, changes, answers_max=answers_max)
        self._questions: dict[type[Query[Any]], Question] = {}
        for each in answerers:
            question = Question(each, sources, changes, slow_seconds=slow_seconds)
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
        if question.cached:
            answered = self._caching.at_hand(query) if after is None and not consistent else None
            if answered is not None:
                question.tally.count.hits += 1
            else:
                answered = await self._answered(question, query, after, consistent, wait_seconds)
            kept: AnswerT = answered.copy()
            return kept
        with self._work:
            wanted = await self._sources.moments.wanted(after, consistent=consistent)
            query, _ = validated(query)
            answer: AnswerT = await question.answer(query, wanted, wait_seconds)
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
        question, last = self._question(query), NOTHING_YET
        while not self._changes.closed:
            question.tally.count.asked += 1
            answered = await self._answered(question, query, None, False, WATCH_SECONDS)
            if last is NOTHING_YET or bool(answered.value != last):
                last = copier_of(answered.value)(answered.value)  # What is given away may be changed there.
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

    async def _answered(
        self, question: Question, query: Query[Any], after: Receipt | str | None, consistent: bool, wait_seconds: float
    ) -> Answered:
        with self._work:
            wanted = await self._sources.moments.wanted(after, consistent=consistent)
            query, _ = validated(query)
            key = key_of(query) if question.cached else None
            if key is None:
                return await question.answered(query, wanted, wait_seconds)
            return await self._caching.answered(question, query, key, wanted, wait_seconds)
