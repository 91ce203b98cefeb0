"""A read store in which others do something at the worst moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twofold.projections import ReadStore


class Meddling:
    """A read store in which something happens just before each of the next calls of a method."""

    def __init__(self, inner: ReadStore, method: str, *happenings: Callable[[], Awaitable[Any]]) -> None:
        self._inner, self._method, self._happenings = inner, method, list(happenings)

    def __getattr__(self, name: str) -> Any:
        original = getattr(self._inner, name)
        if name != self._method:
            return original

        async def meddled(*given: Any, **named: Any) -> Any:
            if self._happenings:
                await self._happenings.pop(0)()
            return await original(*given, **named)

        return meddled
