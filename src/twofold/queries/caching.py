"""Answering from what is kept: while it holds, and once for all who ask the same at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

from twofold.messages import Query
from twofold.queries.changes import TableChanges
from twofold.queries.kept import Answered, KeptAnswers, QueryKey, key_of
from twofold.queries.question import Question
from twofold.queries.sources import Sources

Flight = tuple[QueryKey, int, float]
"""What those have in common who can share an answer under way: the query, the position wanted, how long to wait."""


class Caching:
    """Keeps at most ``answers_max`` answers.

    Where this process is told of every change of rows, an answer holds until its tables are among those told of;
    where another process moves the rows, while the checkpoints are what they were before the rows were read.
    """

    def __init__(self, sources: Sources, changes: TableChanges, *, answers_max: int) -> None:
        self._sources = sources
        self._changes = changes
        self._kept = KeptAnswers(answers_max)
        self._flights: dict[Flight, tuple[int, asyncio.Task[Answered]]] = {}

    def at_hand(self, query: Query[Any]) -> Answered | None:
        """The kept answer, if nobody has to be asked whether it still holds."""
        key = key_of(query)
        answered = self._kept.get(key) if key is not None else None
        if answered is None or not self._sources.follower.tells(answered.checkpoints.keys()):
            return None
        return answered if self._is_unchanged(answered) else None

    async def answered(
        self, question: Question, query: Query[Any], key: QueryKey, wanted: int, wait_seconds: float
    ) -> Answered:
        """The answer, kept or new, that includes everything up to ``wanted``."""
        kept = self._kept.get(key)
        if kept is not None and await self._holds(kept, wanted, wait_seconds):
            question.tally.count.hits += 1
            return kept
        flight = key, wanted, wait_seconds
        count, task = self._flights.get(flight, (-1, None))
        # Whoever asks after a change of rows does not share an answer that was begun before it.
        if task is not None and count == self._changes.count:
            question.tally.count.hits += 1
        else:
            question.tally.count.misses += 1
            task = asyncio.create_task(self._compute(question, query, flight))
            self._flights[flight] = self._changes.count, task
            task.add_done_callback(lambda done: self._landed(flight, done))
        return await asyncio.shield(task)

    def _is_unchanged(self, answered: Answered) -> bool:
        if self._changes.since(answered.count, answered.tables):
            return False
        answered.count = self._changes.count
        answered.used = True
        return True

    async def _holds(self, kept: Answered, wanted: int, wait_seconds: float) -> bool:
        """Whether a kept answer is still what one would find at ``wanted`` or beyond, after waiting for that."""
        names = kept.checkpoints.keys()
        if wanted > kept.position:
            await self._sources.follower.reach(names, wanted, timeout_seconds=wait_seconds)
        if self._sources.follower.tells(names):
            if not self._is_unchanged(kept):
                return False
        elif await self._sources.checkpoints(names) != kept.checkpoints:
            return False
        kept.position = max(kept.position, wanted)
        return True

    async def _compute(self, question: Question, query: Query[Any], flight: Flight) -> Answered:
        key, wanted, wait_seconds = flight
        answered = await question.answered(query, wanted, wait_seconds)
        if (
            answered.tables
        ):  # What names no table nothing would ever drop. Rows that changed meanwhile show in its count.
            self._kept.keep(key, answered)
        return answered

    def _landed(self, flight: Flight, done: asyncio.Task[Answered]) -> None:
        if self._flights[flight][1] is done:
            del self._flights[flight]
        if not done.cancelled():
            done.exception()  # Looked at, because everybody who asked may have gone away.
