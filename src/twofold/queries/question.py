"""A type of query: the function that answers it, timed and counted."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from twofold.messages import Query, name_of
from twofold.queries.answers import Answerer
from twofold.queries.asking import Asking
from twofold.queries.changes import TableChanges
from twofold.queries.copies import copier_of, itself
from twofold.queries.kept import Answered
from twofold.queries.reader import Reader
from twofold.queries.sources import Sources
from twofold.queries.tally import Tally


class Question:
    """Computes answers to one type of query. ``wanted`` is the position that an answer must include."""

    def __init__(self, answerer: Answerer, sources: Sources, changes: TableChanges, *, slow_seconds: float) -> None:
        self.answerer = answerer
        self.cached = answerer.cached
        self.tally = Tally(name_of(answerer.query_type), slow_seconds)
        self._sources = sources
        self._changes = changes
        self._at_once = sources.reader()

    async def answer(self, query: Query[Any], wanted: int, wait_seconds: float) -> Any:
        """The answer alone."""
        asking = Asking(self._sources, self._changes, wanted, wait_seconds, noting=False)
        at_once = not wanted and not self._sources.follower.behind
        return await self._ask(query, asking, self._at_once if at_once else self._sources.reader(asking))

    async def answered(self, query: Query[Any], wanted: int, wait_seconds: float) -> Answered:
        """The answer, with what it is made of."""
        asking = Asking(self._sources, self._changes, wanted, wait_seconds, noting=True)
        value = await self._ask(query, asking, self._sources.reader(asking))
        copier = copier_of(value) if self.cached else itself
        return Answered(value, asking.position, asking.count or 0, frozenset(asking.tables), asking.checkpoints, copier)

    async def _ask(self, query: Query[Any], asking: Asking, reader: Reader) -> Any:
        started = perf_counter()
        try:
            return await self.answerer.function(query, reader)
        finally:
            self.tally.took(perf_counter() - started - asking.waited_seconds)
