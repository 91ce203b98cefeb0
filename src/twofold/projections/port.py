"""The port of the read side's database: tables of rows, checkpoints that move with them, and questions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from twofold.projections.table import Changes, Key, Table
from twofold.subscriptions import Checkpoint


class Advance(msgspec.Struct, frozen=True):
    """One step of a subscription: if its checkpoint still is ``start``, these rows are written and it is ``end``."""

    name: str
    start: Checkpoint
    end: Checkpoint
    changes: Sequence[Changes] = ()


class Found(msgspec.Struct, frozen=True):
    """What a statement found: the names of its columns, and its rows as the driver gives them, exact numbers as text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class AskedStore(Protocol):
    """A database of read models as questions see it, which may be a replica: its checkpoints are those of its rows.

    Errors: ``StoreUnavailableError`` when the call may be made again, ``StoreRefusedError`` for a database that cannot
    be used, ``QueryError`` for statements that it refuses.
    """

    async def open(self) -> None:
        """Connect; check that the database can be used (``StoreRefusedError`` if not)."""
        ...

    async def close(self) -> None:
        """Give everything back."""
        ...

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        """Where these subscriptions stand now; those that never moved are not in it."""
        ...

    async def select(self, table: Table, tail: str, params: Mapping[str, object]) -> list[Any]:
        """Rows of a table as values of ``table.row``; ``tail`` follows ``select … from table``, as in ``where …``."""
        ...

    async def query(self, sql: str, params: Mapping[str, object]) -> Found:
        """Any one statement that only reads, with parameters as ``:name``."""
        ...


class ReadStore(AskedStore, Protocol):
    """A database of read models. It needs no durability of its own: a crash may rewind it, rows and checkpoints together.

    Errors besides: ``StoreRefusedError`` for what it will never take, with reason ``value`` where that is in a row.
    """

    async def install(self, tables: Sequence[Table]) -> None:
        """Make the tables and indexes that are missing, and forget the checkpoint of each that was.

        ``StoreRefusedError`` with reason ``definition-changed`` where a table has other columns or another key.
        """
        ...

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        """The rows with these keys, as values of ``table.row``, in no order."""
        ...

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        """The rows that hold one of these values in an indexed column, in no order."""
        ...

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        """Take each step in one transaction: its checkpoint by compare-and-set on (position, epoch), then its rows.

        False for a step whose checkpoint had moved: nothing of it was written, and the others were.
        """
        ...
