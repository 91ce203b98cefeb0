"""The tables of a SQL projection made once more, where nobody else sees them: what its rows are compared with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

import msgspec

from twofold.projections.writer import Writer
from twofold.subscriptions import Checkpoint

Line: TypeAlias = tuple[str | None, ...]
"""A row: each column as the database writes it."""


class Shape(msgspec.Struct, frozen=True):
    """The columns of a table, the ``key`` of its rows among them; without one a row is known by all of them."""

    names: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """The columns by which rows are sorted."""
        return self.key or self.names

    @property
    def places(self) -> tuple[int, ...]:
        """Where those are in a line."""
        return tuple(map(self.names.index, self.order))


class Twin(Protocol):
    """Tables with the same names as those of a SQL projection, empty at first; closed, they are gone.

    Whatever else its statements find in the read database, they can only read. Errors are those of the ``ReadStore``.
    """

    async def write(self, work: Callable[[Writer], Coroutine[Any, Any, None]]) -> None:
        """Write to these tables in a transaction; what ``work`` raises undoes all of it, and comes out."""
        ...

    def still(self, subscription: str) -> AbstractAsyncContextManager[Mapping[str, Checkpoint]]:
        """Within this, the rows that the database keeps are as at one moment, and so is the checkpoint that is given."""
        ...

    async def shape(self, table: str) -> Shape:
        """What a row of a table consists of."""
        ...

    def lines(self, table: str, shape: Shape) -> AsyncGenerator[Sequence[Line]]:
        """All rows, some at a time, sorted by the texts of ``shape.order``, by code points; null comes last."""
        ...

    def kept(self, table: str, shape: Shape) -> AsyncGenerator[Sequence[Line]]:
        """The same of the rows that the database keeps; to be asked while it is ``still``."""
        ...
