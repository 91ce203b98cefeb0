"""The port of the read side's database: tables of rows, checkpoints that move with them, and questions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from twofold.errors import StoreRefusedError
from twofold.projections.generations import Generation, Switch
from twofold.projections.layout import Layout, Made
from twofold.projections.parking import Letter, Parked
from twofold.projections.table import Changes, Key, Table
from twofold.projections.twin import Twin
from twofold.projections.writer import Writer
from twofold.store.port import EventStore
from twofold.store.port import Row as StoredRow
from twofold.subscriptions import Checkpoint, Note

T = TypeVar("T")


class Advance(msgspec.Struct, frozen=True):
    """One step of a subscription: if its checkpoint still is ``start``, these rows are written and it is ``end``.

    ``parked`` are keys that take no more events from here on, ``letters`` what parked keys did not take. ``work`` writes with
    statements of its own in the same transaction; in a step of a generation that stands beside, it finds the tables of
    ``layout`` as they are there. What it raises comes out of ``save``.
    """

    name: str
    start: Checkpoint
    end: Checkpoint
    changes: Sequence[Changes] = ()
    work: Callable[[Writer], Coroutine[Any, Any, None]] | None = None
    parked: Sequence[Parked] = ()
    letters: Sequence[Letter] = ()
    layout: Layout | None = None


class Arrangement(msgspec.Struct, frozen=True):
    """A subscription in other partitions: if its checkpoints still are ``before``, by name, they become ``after``.

    ``work`` writes in the same transaction, as in ``Advance``.
    """

    subscription: str
    before: Mapping[str, Checkpoint]
    after: Mapping[str, Checkpoint]
    work: Callable[[Writer], Coroutine[Any, Any, None]] | None = None


class Unparking(msgspec.Struct, frozen=True):
    """The end of a parked key: its row as it should be after all of its ``letters`` (positions), of the ``subscription``.

    ``epoch`` is the subscription's before anything of it was read: whoever else changes rows that do not follow from those
    before (another generation that takes over) raises it. ``skipped`` are letters that were left out on purpose, and
    ``reason`` says why.
    """

    subscription: str
    epoch: int
    read_model: str
    key: str
    letters: Sequence[int]
    changes: Sequence[Changes] = ()
    skipped: Sequence[int] = ()
    reason: str = ""


class Found(msgspec.Struct, frozen=True):
    """What a statement found: the names of its columns, and its rows as the driver gives them, exact numbers as text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


CatchUp: TypeAlias = Callable[[int], Awaitable[None]]
"""Folds what a generation lacks of the log up to a position, if it is little."""

Take: TypeAlias = Callable[[Table, Sequence[Any]], None]
"""Is given rows of a table, some at a time."""


class Survey(msgspec.Struct, frozen=True):
    """What is kept of a subscription beside its rows, at one moment: letters that were ``skipped`` are left out for good.

    ``checkpoints`` are as those of ``ReadStore.checkpoints``.
    """

    checkpoints: Mapping[str, Checkpoint]
    parked: Sequence[Parked] = ()
    skipped: Sequence[Letter] = ()


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

    def know(self, tables: Sequence[Table]) -> None:
        """Which tables there are, to be called first; until then their columns are taken for plain ones."""
        ...

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        """Where these subscriptions stand now; those that never moved are not in it.

        One that is partitioned is in it with all its partitions, each under its own name, instead.
        """
        ...

    async def select(self, table: Table, tail: str, params: Mapping[str, object]) -> list[Any]:
        """Rows of a table as values of ``table.row``; ``tail`` follows ``select … from table``, as in ``where …``."""
        ...

    async def query(self, sql: str, params: Mapping[str, object]) -> Found:
        """Any one statement that only reads, with parameters as ``:name``."""
        ...

    async def secret(self) -> bytes:
        """What signs cursors: random, made once, the same for every process and replica."""
        ...


class Loading(Protocol):
    """Rows of read models, as a fold needs them."""

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        """The rows with these keys, as values of ``table.row``, in no order."""
        ...

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        """The rows that hold one of these values in an indexed column, in no order."""
        ...


class Rows(Loading, Protocol):
    """Rows of read models and the checkpoints that move with them."""

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        """As ``AskedStore.checkpoints``."""
        ...

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        """Take each step in one transaction: its checkpoint by compare-and-set on (position, epoch), then its rows.

        False for a step whose checkpoint had moved: nothing of it was written, and the others were.
        """
        ...


class AppendTransaction(Rows, Protocol):
    """An open transaction during which nobody else appends, where strong read models are too. ``save`` begins no other."""

    async def position(self) -> int:
        """Where the log ends, as this transaction sees it."""
        ...

    async def events_between(self, after: int, until: int) -> Sequence[StoredRow]:
        """The log's rows after one position, up to and including another."""
        ...

    async def write(self, changes: Sequence[Changes]) -> None:
        """Write rows, behind a ``save`` that has moved their checkpoint."""
        ...

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        """As ``ReadStore.generations``."""
        ...

    async def switch(self, change: Switch) -> bool:
        """As ``ReadStore.switch``."""
        ...


class StrongLog(EventStore, Protocol):
    """A log in whose database there may be strong read models."""

    async def between_appends(self, work: Callable[[AppendTransaction], Coroutine[Any, Any, T]]) -> T:
        """Do something in one durable transaction during which nobody appends, and that waits for nobody for long.

        Errors: those of an append.
        """
        ...


class ReadStore(AskedStore, Rows, Protocol):
    """A database of read models. It needs no durability of its own: a crash may rewind it, rows and checkpoints together.

    Errors besides: ``StoreRefusedError`` for what it will never take, with reason ``value`` where that is in a row.
    """

    async def install(
        self, tables: Sequence[Table], layouts: Sequence[Layout] = (), *, leave: Collection[str] = ()
    ) -> None:
        """Make the tables and indexes that are missing, and forget the checkpoint of each that was.

        Tables named in ``leave`` stay as they are. ``StoreRefusedError`` with reason ``definition-changed`` where a table has other columns or another key.
        """
        ...

    async def survey(self, table: Table, beside: Sequence[str], take: Take) -> Survey:
        """One moment of a read model, while others write on: ``take`` gets every row of its table.

        ``beside`` are the read models whose parked keys are wanted. ``take`` may be called on another thread; what it
        raises ends the survey.
        """
        ...

    def twin(self, layout: Layout, number: int | None = None) -> AbstractAsyncContextManager[Twin]:
        """The tables of a SQL projection once more, beside those that are kept: the active ones, or those of a generation."""
        ...

    async def arrange(self, arrangement: Arrangement) -> bool:
        """Exchange all checkpoints of a subscription in one transaction, each with a higher epoch than any had before.

        False, with nothing changed, where they are not ``before`` (by position and epoch) any more. Before the first
        partition of a subscription moves, they are all written down like that.
        """
        ...

    async def parked(self, read_models: Collection[str]) -> Sequence[Parked]:
        """The keys of these read models that are parked, in order of read model and position."""
        ...

    async def letters(self, read_model: str, key: str) -> Sequence[int]:
        """The positions of the events that a parked key has not taken, in order; the first is why it was parked."""
        ...

    async def skipped(self, read_models: Collection[str]) -> Sequence[Letter]:
        """The letters of these read models that were left out on purpose when their keys were unparked."""
        ...

    async def unpark(self, unparking: Unparking) -> Checkpoint | None:
        """Let a key take events again, in one transaction that fences whoever runs its subscription: its epoch rises by one.

        The checkpoint as it is then. None, with nothing changed, when the key is not parked any more, or its letters or the
        epoch are not as expected.
        """
        ...

    async def definitions(self, tables: Collection[str], layouts: Collection[str] = ()) -> Mapping[str, str]:
        """What these tables were made from (``Table.definition``), if they are there and ours.

        And what the tables of ``layouts`` were made from, by their names.
        """
        ...

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        """Every generation of these subscriptions, in order of subscription and number."""
        ...

    async def enter(self, generation: Generation, made: Sequence[Made] = (), *, over: Generation | None = None) -> bool:
        """Note a generation, and make what is to be ``made`` (named as when active) beside, to be filled. No crash takes it back.

        A new one, or in place of ``over``, which is what was noted of it. False, with nothing changed, where its number is
        taken, or something else is noted of it by now. ``StoreRefusedError`` with reason ``not-beside`` for a schema that
        makes what cannot be exchanged.
        """
        ...

    async def complete(self, generation: Generation, made: Sequence[Made]) -> None:
        """Make what ``enter`` has left out of a generation's tables, because rows are written faster without it.

        That is every index that no fold finds rows by, and the search for words; nothing where appends would wait for it, nor
        of SQL projections. What is there already stays.
        """
        ...

    async def switch(self, change: Switch, *, catch_up: CatchUp | None = None) -> bool:
        """Let one generation take the place of another, in one transaction that fences whoever runs the subscription.

        Tables, checkpoints, parked keys and letters exchange their names; nobody sees a moment without a table, or with one
        that is not complete. No crash takes it back. False, with nothing changed, while the new one stands before the old
        one's position, or where one of them is not what it was taken for (``Switch.fits``).

        A database in which others save meanwhile may hold the old one where it stands, and let the new one ``catch_up``
        to there before it decides: otherwise one that moves at every moment is caught at hardly any.
        """
        ...

    async def drop(self, generation: Generation, made: Sequence[Made]) -> bool:
        """Remove a generation that is not active: its tables (as they are named beside the active ones), its checkpoint.

        False, with nothing changed, where it is in another state by now: somebody lets it serve, or has dropped it.
        """
        ...

    def on_loss(self, listener: Callable[[], None]) -> None:
        """Call it when a connection is lost: behind that may be a crash, which has rewound what had been seen."""
        ...

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        """What stopped these subscriptions; those without a note are not in it."""
        ...

    async def note(self, name: str, note: Note | None) -> None:
        """Keep why a subscription stopped, in place of what is kept; None removes it."""
        ...


def refused_value(error: Exception) -> StoreRefusedError:
    """The error for a row that holds what its columns cannot keep."""
    return StoreRefusedError(
        f"The read database will not take it: {error}",
        reason="value",
        remedy="Mend the fold, so that its rows hold what their columns can keep.",
    )
