"""Doors of a simulated process to the database of read models, at the other end of a line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import msgspec

from tests.simulation.databases import Databases
from tests.simulation.generations import Generations
from tests.simulation.network import Line
from tests.simulation.reads import SharedReads
from tests.simulation.tables import written
from tests.simulation.watch import NOBODY, By
from twofold.projections.generations import Generation, Switch, active_name
from twofold.projections.layout import Layout, Made, tables_of
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Advance, Arrangement, CatchUp, Found, Survey, Take, Unparking
from twofold.projections.table import Key, Table
from twofold.projections.twin import Twin
from twofold.subscriptions import Checkpoint, Note


class Home(msgspec.Struct, frozen=True, eq=False):
    """One of the two databases that read models may be in, at the end of a line."""

    shared: SharedReads
    generations: Generations
    line: Line


class ReadDoor:
    """A ``ReadStore`` without questions. Strong read models are in the log's database, at the end of another line."""

    def __init__(
        self, databases: Databases, line: Line, log_line: Line, by: By = NOBODY, tables: Sequence[Table] = ()
    ) -> None:
        self.shared, self.line, self.by = databases.reads, line, by
        self._here = Home(databases.reads, databases.generations, line)
        self._with_log = Home(databases.log.strong, databases.log.generations, log_line)
        self._strong: frozenset[str] = frozenset()
        self._strong_tables: frozenset[str] = frozenset()
        self._lost: list[Callable[[], None]] = []
        self.know(tables)

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    def know(self, tables: Sequence[Table]) -> None:
        """Which subscriptions are in the log's database."""
        self._strong = frozenset(table.subscription for table in tables if table.strong)
        self._strong_tables = frozenset(table.name for table in tables if table.strong)

    def _home(self, name: str) -> Home:
        """Where a subscription is, and so is every generation of it."""
        return self._with_log if active_name(name) in self._strong else self._here

    def _at_home(self, names: Collection[str]) -> Iterator[tuple[Home, list[str]]]:
        for home in (self._here, self._with_log):
            if some := [name for name in names if self._home(name) is home]:
                yield home, some

    async def install(
        self, tables: Sequence[Table], layouts: Sequence[Layout] = (), *, leave: Collection[str] = ()
    ) -> None:
        self.know(tables)
        weak, strong = ([table for table in tables if table.strong is is_strong] for is_strong in (False, True))
        await self.line.call("install", lambda: self.shared.install(weak, leave))
        if strong:
            home = self._with_log
            await home.line.call("install strong ones", lambda: home.shared.install(strong, leave))

    async def definitions(self, tables: Collection[str], layouts: Collection[str] = ()) -> Mapping[str, str]:
        strong, log = self._strong_tables.intersection(tables), self._with_log
        found = await self.line.call("definitions", lambda: self.shared.definitions(tables))
        if strong:
            found = {**found, **await log.line.call("definitions", lambda: log.shared.definitions(sorted(strong)))}
        return found

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        found: list[Generation] = []
        for home, some in self._at_home(subscriptions):
            found += await home.line.call("generations", partial(home.generations.of, some))
        return sorted(found, key=lambda each: (each.subscription, each.number))

    async def enter(self, generation: Generation, made: Sequence[Made] = (), *, over: Generation | None = None) -> bool:
        said, home = f"enter {_said_of(generation)} {generation.code[:4]}", self._home(generation.subscription)
        return await home.line.call(said, lambda: home.generations.enter(generation, tables_of(made), over))

    async def complete(self, generation: Generation, made: Sequence[Made]) -> None:
        said = f"complete {_said_of(generation)}"
        await self._home(generation.subscription).line.call(said, lambda: None)

    async def switch(self, change: Switch, *, catch_up: CatchUp | None = None) -> bool:
        said = f"switch {change.subscription} {change.old}-{change.new}{' back' if change.back else ''}"
        home = self._home(change.subscription)
        return await home.line.call(said, lambda: home.generations.switch(change))

    async def drop(self, generation: Generation, made: Sequence[Made]) -> bool:
        said, home = f"drop {_said_of(generation)}", self._home(generation.subscription)
        return await home.line.call(said, lambda: home.generations.drop(generation, tables_of(made)))

    def on_loss(self, listener: Callable[[], None]) -> None:
        self._lost.append(listener)

    def lose(self) -> None:
        """The connection is lost."""
        for listener in self._lost:
            listener()

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        found: dict[str, Checkpoint] = {}
        for home, some in self._at_home(names):
            found |= await home.line.call("checkpoints", partial(_places, home.shared, some))
        return found

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        wanted, home = list(keys), self._home(table.subscription)
        return await home.line.call(f"load {table.name}", lambda: home.shared.kept.tables.load(table, wanted))

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        home = self._home(table.subscription)
        return await home.line.call(f"find {table.name}", lambda: home.shared.kept.tables.find(table, column, values))

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        # Rows are written down before the call goes out: what the caller does to them later is not in it.
        steps, saved = {each.name: each for each in written(advances)}, dict[str, bool]()
        for home, names in self._at_home(steps):
            some = [steps[name] for name in names]
            moved = await home.line.call(_said(some), partial(home.shared.save, some, self.by), unknown=True)
            saved |= zip(names, moved, strict=True)
        return [saved[advance.name] for advance in advances]

    async def survey(self, table: Table, beside: Sequence[str], take: Take) -> Survey:
        home = self._home(table.subscription)
        return await home.line.call(f"survey {table.name}", lambda: home.shared.survey(table, beside, take))

    def twin(self, layout: Layout, number: int | None = None) -> AbstractAsyncContextManager[Twin]:
        raise NotImplementedError

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
        found: dict[str, Note] = {}
        for home, some in self._at_home(names):
            found |= await home.line.call("notes", partial(home.shared.notes, some))
        return found

    async def note(self, name: str, note: Note | None) -> None:
        home = self._home(name)
        await home.line.call(f"note {name}", lambda: home.shared.note(name, note))

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


def _said_of(generation: Generation) -> str:
    return f"{generation.subscription} {generation.number} {generation.state}"


def _places(shared: SharedReads, names: Collection[str]) -> Mapping[str, Checkpoint]:
    return shared.kept.tables.places(names)
