"""A log that many simulated processes share, each through a door of its own. Strong read models are kept in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.simulation.generations import Generations
from tests.simulation.network import Line
from tests.simulation.reads import SharedReads
from tests.simulation.tables import Tables
from tests.simulation.waiting import done
from tests.simulation.watch import NOBODY, By, Watch
from twofold.projections import Inline
from twofold.projections.generations import Generation, Switch
from twofold.projections.port import Advance
from twofold.projections.port import AppendTransaction as PortTransaction
from twofold.projections.table import Changes, Key, Table
from twofold.store.effects import halved
from twofold.store.port import Append, Appended, Head, Page, Row, Verdict
from twofold.subscriptions import Checkpoint
from twofold.testing.memory import MemoryLog

T = TypeVar("T")


class SharedLog(MemoryLog):
    """The log itself, as it is on disk, with the strong read models in its database: no crash takes anything back."""

    def __init__(self, store_id: str = "simulated") -> None:
        super().__init__()
        self._store_id = store_id
        self.strong = SharedReads()
        self.generations = Generations(self.strong)
        self.watch = Watch()

    @property
    def tables(self) -> Tables:
        return self.strong.kept.tables

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All of it, or nothing."""
        before = len(self._rows), dict(self._versions), dict(self._receipts), self.strong.kept.copied()
        try:
            yield
        except BaseException:
            count, self._versions, self._receipts, self.strong.kept = before
            del self._rows[count:], self._tags[count:]
            raise

    def append_with(self, inline: Inline, batch: Sequence[Append]) -> list[Verdict]:
        """Append, and let it take effect in strong read models, in one transaction."""
        with self.transaction():
            verdicts = list(done(self.append(batch)))
            done(inline.take_effect(AppendTransaction(self), batch, verdicts))
        return verdicts


def save(tables: Tables, advances: Sequence[Advance]) -> list[bool]:
    """Take each step whose checkpoint is as expected."""
    moved = [tables.move(advance) for advance in advances]
    for advance, has_moved in zip(advances, moved, strict=True):
        for changes in advance.changes if has_moved else ():
            tables.write(changes)
    return moved


class AppendTransaction:
    """The open transaction of an append, over the tables in the log's database."""

    def __init__(self, log: SharedLog, told: Callable[[Sequence[Advance]], None] = lambda advances: None) -> None:
        self._log, self._told = log, told

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        return self._log.tables.places(names)

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        return self._log.tables.load(table, keys)

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        return self._log.tables.find(table, column, values)

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        moved = save(self._log.tables, advances)
        self._told([advance for advance, has_moved in zip(advances, moved, strict=True) if has_moved])
        return moved

    async def position(self) -> int:
        return len(self._log.rows)

    async def events_between(self, after: int, until: int) -> Sequence[Row]:
        return self._log.rows[after:until]

    async def write(self, changes: Sequence[Changes]) -> None:
        for each in changes:
            self._log.tables.write(each)

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        return self._log.generations.of(subscriptions)

    async def switch(self, change: Switch) -> bool:
        return self._log.generations.switch(change)


class LogDoor:
    """An ``EventStore``: the shared log at the other end of a line. ``strong`` are those whose process carries them."""

    def __init__(self, log: SharedLog, line: Line, by: By = NOBODY) -> None:
        self._log, self._line, self._by = log, line, by
        self._inline: Inline | None = None
        self._strong: Sequence[str] = ()
        self.appended = set[int]()
        """The positions that were appended through this door."""

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    def carry(self, inline: Inline, strong: Sequence[str]) -> None:
        """Let every append take effect in these strong read models from now on."""
        self._inline, self._strong = inline, strong

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        return await (self._append(batch) if self._inline is None else halved(batch, self._append))

    async def _append(self, batch: Sequence[Append]) -> list[Verdict]:
        batch, inline = list(batch), self._inline
        try:
            verdicts = await self._line.call("append", lambda: self._serve(batch, inline), unknown=True)
        except BaseException:
            if inline is not None:
                inline.undone()
                inline.tell()
            raise
        if inline is not None:
            inline.kept()
            inline.tell()
        return verdicts

    def _serve(self, batch: Sequence[Append], inline: Inline | None) -> list[Verdict]:
        before = len(self._log.rows)
        verdicts = list(done(self._log.append(batch))) if inline is None else self._log.append_with(inline, batch)
        if any(isinstance(verdict, Appended) and not verdict.replayed for verdict in verdicts):
            self.appended.update(range(before + 1, len(self._log.rows) + 1))
            self._log.watch.appended(before, self._strong, self._by)
        return verdicts

    async def between_appends(self, work: Callable[[PortTransaction], Coroutine[Any, Any, T]]) -> T:
        def serve() -> T:
            with self._log.transaction():
                return done(work(AppendTransaction(self._log, self._moved)))

        return await self._line.call("between appends", serve, unknown=True)

    def _moved(self, advances: Sequence[Advance]) -> None:
        self._log.watch.advanced(advances, self._by)

    async def read(self, **wanted: Any) -> Page:
        return await self._line.call("read", lambda: done(self._log.read(**wanted)))

    async def read_stream(self, stream: str, **wanted: Any) -> Page:
        return await self._line.call("read stream", lambda: done(self._log.read_stream(stream, **wanted)))

    async def head(self) -> Head:
        return await self._line.call("head", lambda: done(self._log.head()))

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        await self._line.call("wait", lambda: None)
        await self._log.wait(after, timeout_seconds=timeout_seconds)
        return (await self.head()).position
