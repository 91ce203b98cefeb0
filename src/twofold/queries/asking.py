"""Asking: the right function for a query, with a reader that waits for what the question must see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from twofold.deciders.receipt import Receipt
from twofold.errors import InvalidInputError, UnknownMessageError
from twofold.messages import Query, name_of
from twofold.projections import ReadModel, ReadStore, table_of
from twofold.queries.answers import Answer
from twofold.queries.reader import Reader
from twofold.store.port import Head
from twofold.store.token import parse_token
from twofold.subscriptions import Engine

AnswerT = TypeVar("AnswerT")


class Asking:
    """Answers queries from the read models of one store; ``head`` says which store that is."""

    def __init__(
        self,
        answers: Mapping[type[Query[Any]], Answer],
        reads: ReadStore,
        engine: Engine,
        read_models: Sequence[type[ReadModel]],
        head: Head,
    ) -> None:
        self._answers = answers
        self._reads = reads
        self._engine = engine
        self._tables = {cls: table_of(cls) for cls in read_models}
        self._store = (head.store_id, head.epoch)
        self._at_once = Reader(reads, self._tables)

    async def ask(
        self, query: Query[AnswerT], *, after: Receipt | str | None = None, wait_seconds: float = 5.0
    ) -> AnswerT:
        """The answer; with ``after``, a receipt or its token, from read models that have taken what it stands for.

        Only the read models that the statements name are waited for. Raises ``UnknownMessageError``,
        ``InvalidInputError`` for the token of another store, ``BehindError`` after ``wait_seconds`` (in all),
        ``QueryError``, and what the function itself raises.
        """
        answer = self._answers.get(type(query))
        if answer is None:
            known = tuple(sorted(name_of(each) for each in self._answers))
            raise UnknownMessageError("query", name_of(type(query)), known=known)
        reader = self._at_once if after is None else self._reader_after(self._position(after), wait_seconds)
        found: AnswerT = await answer.function(query, reader)
        return found

    def _reader_after(self, position: int, wait_seconds: float) -> Reader:
        wait = partial(self._engine.reach, position=position, timeout_seconds=wait_seconds)
        return Reader(self._reads, self._tables, wait)

    def _position(self, after: Receipt | str) -> int:
        token = parse_token(after if isinstance(after, str) else after.token)
        if (token.store_id, token.epoch) != self._store:
            raise InvalidInputError(
                f"The token is of another store ({token.store_id}, epoch {token.epoch}), "
                f"this is {self._store[0]}, epoch {self._store[1]}",
                what="after",
                remedy="Ask the store that the command was sent to.",
            )
        return token.position
