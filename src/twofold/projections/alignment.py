"""Sorted rows of several tables, side by side by their keys, with only a few of them in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TypeAlias

from twofold.projections.twin import Line, Shape

Lines: TypeAlias = AsyncGenerator[Sequence[Line]]
"""Rows, some at a time, sorted as ``Twin.lines`` says."""

Order: TypeAlias = tuple[tuple[bool, str], ...]


async def aligned(shape: Shape, *tables: Lines) -> AsyncIterator[Sequence[Line | None]]:
    """For each key the row of each table, None where it has none. Rows that are alike are taken one after the other."""
    async with AsyncExitStack() as stack:
        streams = [_Stream(shape, await stack.enter_async_context(aclosing(each))) for each in tables]
        for each in streams:
            await each.go_on()
        while left := [each.key for each in streams if each.key is not None]:
            key = min(left)
            here = [each.key == key for each in streams]
            yield [each.line if is_here else None for each, is_here in zip(streams, here, strict=True)]
            for each, is_here in zip(streams, here, strict=True):
                if is_here:
                    await each.go_on()


class _Stream:
    """The rows of one table: the ``line`` that comes next, and its ``key``; None at the end."""

    def __init__(self, shape: Shape, lines: Lines) -> None:
        self._places, self._lines = shape.places, lines
        self._some: Sequence[Line] = ()
        self._next = 0
        self.line: Line | None = None
        self.key: Order | None = None

    async def go_on(self) -> None:
        if self._next == len(self._some):
            self._some, self._next = await self._more(), 0
        if not self._some:
            self.line = self.key = None
            return
        self.line = line = self._some[self._next]
        self._next += 1
        self.key = tuple([(line[place] is None, line[place] or "") for place in self._places])

    async def _more(self) -> Sequence[Line]:
        async for some in self._lines:
            return some
        return ()
