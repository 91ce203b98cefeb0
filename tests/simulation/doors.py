"""Doors of a simulated process to the database of read models, at the other end of a line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from tests.simulation.databases import Databases
from tests.simulation.network import Line
from tests.simulation.tables import Tables, written
from tests.simulation.watch import NOBODY, By
from twofold.projections.generations import Generation, Switch
from twofold.projections.layout import Layout, Made, tables_of
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Advance, Arrangement, Found, Survey, Take, Unparking
from twofold.projections.table import Key, Table
from twofold.subscriptions import Checkpoint, Note


class ReadDoor:
    """A ``ReadStore`` without questions. Strong read models are in the log's database, at the end of another line."""

    def __init__(self, databases: Databases, line: Line, log_line: Line, by: By = NOBODY) -> None:
        self.shared, self.line, self.by = databases.reads, line, by
        self._generations, self._log, self._log_line = databases.generations, databases.log, log_line
        self._strong: frozenset[str] = frozenset()
        self._lost: list[Callable[[], None]] = []

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    def know(self, tables: Sequence[Table]) -> None:
        """Which subscriptions are in the log's database."""
        self._strong = frozenset(table.subscription for table in tables if table.strong)

    async def install(
        self, tables: Sequence[Table], layouts: Sequence[Layout] = (), *, leave: Collection[str] = ()
    ) -> None:
        self.know(tables)
        weak = [table for table in tables if not table.strong]
        await self.line.call("install", lambda: self.shared.install(weak, leave))
        if strong := [table for table in tables if table.strong]:
            await self._log_line.call("install strong ones", lambda: self._log.install(strong))

    async def definitions(self, tables: Collection[str], layouts: Collection[str] = ()) -> Mapping[str, str]:
        return await self.line.call("definitions", lambda: self.shared.definitions(tables))

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        return await self.line.call("generations", lambda: self._generations.of(subscriptions))

    async def enter(self, generation: Generation, made: Sequence[Made] = (), *, over: Generation | None = None) -> bool:
        said = f"enter {generation.subscription} {generation.number} {generation.state} {generation.code[:4]}"
        return await self.line.call(said, lambda: self._generations.enter(generation, tables_of(made), over))

    async def complete(self, generation: Generation, made: Sequence[Made]) -> None:
        await self.line.call(f"complete {generation.subscription} {generation.number}", lambda: None)

    async def switch(self, change: Switch) -> bool:
        said = f"switch {change.subscription} {change.old}-{change.new}{' back' if change.back else ''}"
        return await self.line.call(said, lambda: self._generations.switch(change))

    async def drop(self, generation: Generation, made: Sequence[Made]) -> bool:
        said = f"drop {generation.subscription} {generation.number}"
        return await self.line.call(said, lambda: self._generations.drop(generation, tables_of(made)))

    def on_loss(self, listener: Callable[[], None]) -> None:
        self._lost.append(listener)

    def lose(self) -> None:
        """The connection is lost."""
        for listener in self._lost:
            listener()

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        strong = [name for name in names if name in self._strong]
        weak = [name for name in names if name not in self._strong]
        found = await self._log_line.call("checkpoints", lambda: self._log.tables.places(strong)) if strong else {}
        if not weak:
            return found
        return {**found, **await self.line.call("checkpoints", lambda: self.shared.kept.tables.places(weak))}

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        wanted, line = list(keys), self._line_of(table.subscription)
        return await line.call(f"load {table.name}", lambda: self._tables_of(table.subscription).load(table, wanted))

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        line, name = self._line_of(table.subscription), table.subscription
        return await line.call(f"find {table.name}", lambda: self._tables_of(name).find(table, column, values))

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        # Rows are written down before the call goes out: what the caller does to them later is not in it.
        steps, saved = written(advances), dict[str, bool]()
        for is_strong in (False, True):
            if some := [each for each in steps if (each.name in self._strong) is is_strong]:
                moved = await self._line_of(some[0].name).call(_said(some), self._saving(some), unknown=True)
                saved |= zip((each.name for each in some), moved, strict=True)
        return [saved[advance.name] for advance in advances]

    def _saving(self, steps: Sequence[Advance]) -> Callable[[], list[bool]]:
        shared, by = self._log if steps[0].name in self._strong else self.shared, self.by
        return lambda: shared.save(steps, by)

    def _line_of(self, name: str) -> Line:
        return self._log_line if name in self._strong else self.line

    def _tables_of(self, name: str) -> Tables:
        return self._log.tables if name in self._strong else self.shared.kept.tables

    async def survey(self, table: Table, beside: Sequence[str], take: Take) -> Survey:
        return await self.line.call(f"survey {table.name}", lambda: self.shared.survey(table, beside, take))

    async def arrange(self, arrangement: Arrangement) -> bool:
        said = f"arrange {arrangement.subscription} {list(arrangement.after)}"
        return await self.line.call(said, lambda: self.shared.arrange(arrangement), unknown=True)

    async def parked(self, read_models: Collection[str]) -> Sequence[Parked]:
        return await self.line.call("parked", lambda: self.shared.parked(read_models))

    async def letters(self, read_model: str, key: str) -> Sequence[int]:
        return await self.line.call("letters", lambda: self.shared.letters(read_model, key))

    async def skipped(self, read_models: Collection[str]) -> Sequence[Letter]:
        return await self.line.call("skipped", lambda: self.shared.skipped(read_models))

    async def unpark(self, unparking: Unparking) -> Checkpoint | None:
        said = (
            f"unpark {unparking.read_model} {unparking.key} {list(unparking.letters)} without {list(unparking.skipped)}"
        )
        return await self.line.call(said, lambda: self.shared.unpark(unparking, self.by))

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        return await self.line.call("notes", lambda: self.shared.notes(names))

    async def note(self, name: str, note: Note | None) -> None:
        await self.line.call(f"note {name}", lambda: self.shared.note(name, note))

    async def select(self, table: Table, tail: str, params: Mapping[str, object]) -> list[Any]:
        raise NotImplementedError

    async def query(self, sql: str, params: Mapping[str, object]) -> Found:
        raise NotImplementedError

    async def secret(self) -> bytes:
        raise NotImplementedError


class BuildDoor(ReadDoor):
    """The door of whoever builds: it remembers which letters a build leaves out, because only he knows it."""

    async def skipped(self, read_models: Collection[str]) -> Sequence[Letter]:
        found = await super().skipped(read_models)
        if any(
            "__" in name for name in read_models
        ):  # Whoever takes one page of it looks, too; these are never skipped.
            return found
        skipped = frozenset((each.read_model, msgspec.json.decode(each.key), each.position) for each in found)
        others = frozenset(each for each in self.by.skipped if each[0] not in read_models)
        self.by = By(self.by.code, others | skipped)
        return found


def _said(advances: Sequence[Advance]) -> str:
    steps = (f"{each.name} {each.start.position}-{each.end.position}/{each.start.epoch}" for each in advances)
    return f"save {', '.join(steps)}"
