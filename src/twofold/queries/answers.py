"""``@answers``: which function answers which query."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from twofold.errors import DefinitionError
from twofold.messages import Query
from twofold.messages.handlers import parameter_hint
from twofold.messages.markers import hints
from twofold.queries.reader import Reader

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])

ANSWERS = "__twofold_answers__"


class Answerer(msgspec.Struct, frozen=True):
    """What answers one type of query."""

    query_type: type[Query[Any]]
    function: Callable[[Any, Reader], Awaitable[Any]]


def answers(function: F) -> F:
    """Mark ``async def f(query: SomeQuery, read: Reader) -> Answer`` as what answers ``SomeQuery``."""
    setattr(function, ANSWERS, True)
    return function


def answerer(function: Callable[..., Any]) -> Answerer:
    """What a function marked with ``@answers`` answers.

    Raises ``DefinitionError`` for one that is not ``async``, does not take a query and a reader, or does not return
    what the query promises.
    """
    query_type = parameter_hint(function, "query", index=0)
    if not (isinstance(query_type, type) and issubclass(query_type, Query)):
        raise DefinitionError(
            f"{function.__qualname__} answers {query_type!r}, which is no Query",
            function,
            remedy="Derive it from Query.",
        )
    if not inspect.iscoroutinefunction(function) or len(inspect.signature(function).parameters) != 2:
        raise DefinitionError(
            f"{function.__qualname__} is not async (query, read)",
            function,
            remedy=f"Write async def {function.__name__}(query: {query_type.__name__}, read: Reader).",
        )
    returned, promised = hints(function).get("return"), _promised(query_type)
    if returned != promised:
        raise DefinitionError(
            f"{function.__qualname__} returns {returned}, but {query_type.__name__} promises {promised}",
            function,
            query_type,
            remedy="Make them the same.",
        )
    return Answerer(query_type, function)


def _promised(query_type: type[Query[Any]]) -> object:
    for cls in query_type.__mro__:
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Query:
                return get_args(base)[0]
    raise DefinitionError(
        f"{query_type.__name__} does not say what it asks for", query_type, remedy="Derive it from Query[TheAnswer]."
    )
