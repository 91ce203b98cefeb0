"""Asking: the right function for a query, with a reader that waits for what the question must see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from twofold.errors import DefinitionError, UnknownMessageError
from twofold.messages import Query, name_of
from twofold.projections import AskedStore, Projection
from twofold.queries.answers import Answerer
from twofold.queries.reader import Reader

AnswerT = TypeVar("AnswerT")


class Reach(Protocol):
    """Waiting for read models by name: ``Engine.reach``."""

    async def __call__(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None: ...


class Answers:
    """Answers queries from read models. ``reach`` waits until those named stand at a position.

    Raises ``DefinitionError`` for two functions that answer one query.
    """

    def __init__(
        self, reads: AskedStore, projections: Collection[Projection], answerers: Sequence[Answerer], reach: Reach
    ) -> None:
        self._reads = reads
        self._reach = reach
        self._tables = {projection.cls: projection.table for projection in projections}
        self._at_once = Reader(reads, self._tables)
        self._functions: dict[type[Query[Any]], Callable[[Any, Reader], Awaitable[Any]]] = {}
        for each in answerers:
            other = self._functions.setdefault(each.query_type, each.function)
            if other is not each.function:
                raise DefinitionError(
                    f"Two functions answer {each.query_type.__name__}", other, each.function, remedy="Keep one of them."
                )

    async def ask(self, query: Query[AnswerT], *, after: int = 0, wait_seconds: float = 5.0) -> AnswerT:
        """The answer, from read models that stand at position ``after`` or beyond: those that the statements name.

        Raises ``UnknownMessageError``, ``BehindError`` after ``wait_seconds`` for a statement, ``QueryError``, and
        what the function itself raises.
        """
        function = self._functions.get(type(query))
        if function is None:
            known = tuple(sorted(name_of(each) for each in self._functions))
            raise UnknownMessageError("query", name_of(type(query)), known=known)
        reader = self._at_once
        if after:
            wait = partial(self._reach, position=after, timeout_seconds=wait_seconds)
            reader = Reader(self._reads, self._tables, wait)
        answer: AnswerT = await function(query, reader)
        return answer
