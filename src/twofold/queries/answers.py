"""``@answers``: which function answers which query."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_args, get_origin, overload

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
    cached: bool = False


@overload
def answers(function: F) -> F: ...


@overload
def answers(*, cached: bool = False) -> Callable[[F], F]: ...


def answers(function: F | None = None, *, cached: bool = False) -> F | Callable[[F], F]:
    """Mark ``async def f(query: SomeQuery, read: Reader) -> Answer`` as what answers ``SomeQuery``.

    With ``cached`` an answer is kept for whoever asks the same, until rows change in a table that its statements
    named. So it must be made of nothing but the query and what ``read`` finds: no clock, no other source.
    """

    def mark(function: F) -> F:
        setattr(function, ANSWERS, {"cached": cached})
        return function

    return mark if function is None else mark(function)


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
    return Answerer(query_type, function, **getattr(function, ANSWERS, {}))


def _promised(query_type: type[Query[Any]]) -> object:
    for cls in query_type.__mro__:
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Query:
                return get_args(base)[0]
    raise DefinitionError(
        f"{query_type.__name__} does not say what it asks for", query_type, remedy="Derive it from Query[TheAnswer]."
    )
