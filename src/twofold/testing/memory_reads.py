"""A read store in plain dicts: short enough to be obviously right, so that others can be compared. It speaks no SQL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from twofold.errors import QueryError, StoreRefusedError
from twofold.projections.amendment import amendment, refuse_partial_groups
from twofold.projections.generations import (
    Generation,
    Switch,
    beside,
    in_generation,
    may_take_over,
    numbered,
    subscription_of,
)
from twofold.projections.keys import unfit
from twofold.projections.layout import Layout, Made, layouts_of, tables_of
from twofold.projections.ledger import Keeper, Values
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Advance, Arrangement, CatchUp, Found, Survey, Take, Unparking, refused_value
from twofold.projections.table import Changes, Column, Key, Table
from twofold.projections.twin import Twin
from twofold.subscriptions import Checkpoint, Note
from twofold.subscriptions.partition import partition_names, standing, whole
from twofold.testing.memory_leases import MemoryLeases

_PLAIN: Mapping[str, type[Any]] = {
    "int": int, "text": str, "bool": bool, "date": date, "datetime": datetime, "timedelta": timedelta, "uuid": UUID,
}  # fmt: skip


class _Rows(msgspec.Struct):
    """A table: what it was made from, its rows as they are kept, and what columns hold that are newer than a row."""

    definition: str
    columns: set[str]
    rows: dict[Key, dict[str, Any]] = {}
    defaults: dict[str, Any] = {}


class MemoryReads:
    """A ``ReadStore`` that forgets everything with its process; opening and closing it again keeps its rows.

    No method waits for anything, so each is one transaction. It has no SQL: the only question that it answers is for
    every row of a table (``QueryError``), and it takes no projection that writes statements (``StoreRefusedError``).
    """

    def __init__(self) -> None:
        self._tables: dict[str, _Rows] = {}
        self._checkpoints: dict[str, Checkpoint] = {}
        self._notes: dict[str, Note] = {}
        self._parked: dict[tuple[str, str], Parked] = {}
        self._letters: dict[tuple[str, str], list[int]] = {}
        self._skipped: dict[Letter, str] = {}
        self._generations: dict[tuple[str, int], Generation] = {}
        self._secret = secrets.token_bytes(32)
        self.leases = MemoryLeases(self._checkpoints)

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    def know(self, tables: Sequence[Table]) -> None:
        """Nothing to do."""

    def twin(self, layout: Layout, number: int | None = None) -> AbstractAsyncContextManager[Twin]:
        raise _no_sql()

    def on_loss(self, listener: Callable[[], None]) -> None:
        """Nothing to tell: there is no connection."""

    # --- Tables -------------------------------------------------------------------------------------------------

    async def install(
        self, tables: Sequence[Table], layouts: Sequence[Layout] = (), *, leave: Collection[str] = ()
    ) -> None:
        if layouts:
            raise _no_sql()
        wanted = [table for table in tables if table.name not in leave]
        refuse_partial_groups(wanted, self._tables.keys())
        amended = {
            table.name: amendment(table, self._tables[table.name].definition)
            for table in wanted
            if table.name in self._tables
        }
        for table in wanted:
            if table.name in amended:
                self._amend(table, amended[table.name].columns)
            else:
                self._forget_checkpoints(table.subscription)
                self._make(table.name, table)

    async def definitions(self, tables: Collection[str], layouts: Collection[str] = ()) -> Mapping[str, str]:
        return {name: self._tables[name].definition for name in tables if name in self._tables}

    # --- Rows and checkpoints -----------------------------------------------------------------------------------

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        kept = self._rows(table).rows
        return self._turned_back(table, [kept[key] for key in keys if key in kept])

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        wanted = set(Keeper(table).values(column, values))
        return self._turned_back(table, [row for row in self._rows(table).rows.values() if row[column] in wanted])

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        return standing(self._checkpoints, names)

    async def arrange(self, arrangement: Arrangement) -> bool:
        name, after = arrangement.subscription, arrangement.after
        found = {each: at for each, at in self._checkpoints.items() if whole(each) == name}
        if _places(standing(found, [name])) != _places(arrangement.before):
            return False
        if arrangement.work is not None:
            raise _no_sql()
        epoch = max([1, *(at.epoch for at in found.values())]) + 1
        self._forget_checkpoints(name)
        for each, at in ({name: next(iter(after.values()))} | dict(after)).items():
            self._checkpoints[each] = msgspec.structs.replace(at, epoch=epoch)
        self._notes = {each: note for each, note in self._notes.items() if whole(each) != name}
        return True

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        moved = [self._may_move(advance) for advance in advances]
        steps = [advance for advance, has_moved in zip(advances, moved, strict=True) if has_moved]
        if any(step.work is not None for step in steps):
            raise _no_sql()
        # Everything that can be refused is refused before anything is changed.
        kept = [(each, self._kept(each)) for step in steps for each in step.changes]
        self._refuse_parked_already([parked for step in steps for parked in step.parked])
        for changes, rows in kept:
            self._write(changes, rows)
        for step in steps:
            self._checkpoints[step.name] = step.end
            self._park(step.parked, step.letters)
        return moved

    async def survey(self, table: Table, beside: Sequence[str], take: Take) -> Survey:
        take(table, self._turned_back(table, list(self._rows(table).rows.values())))
        checkpoints = await self.checkpoints([table.subscription])
        return Survey(checkpoints, await self.parked(beside), await self.skipped(beside))

    # --- Parked keys --------------------------------------------------------------------------------------------

    async def parked(self, read_models: Collection[str]) -> Sequence[Parked]:
        found = [each for each in self._parked.values() if each.read_model in read_models]
        return sorted(found, key=lambda each: (each.read_model, each.since, each.key.encode()))

    async def letters(self, read_model: str, key: str) -> Sequence[int]:
        return sorted(self._letters.get((read_model, key), ()))

    async def skipped(self, read_models: Collection[str]) -> Sequence[Letter]:
        return [each for each in self._skipped if each.read_model in read_models]

    async def unpark(self, unparking: Unparking) -> Checkpoint | None:
        about = unparking.read_model, unparking.key
        at = self._checkpoints.get(unparking.subscription)
        if at is None or at.epoch != unparking.epoch:
            return None
        if about not in self._parked or await self.letters(*about) != list(unparking.letters):
            return None
        kept = [(changes, self._kept(changes)) for changes in unparking.changes]
        await self.leases.fence([unparking.subscription])
        for changes, rows in kept:
            self._write(changes, rows)
        del self._parked[about]
        self._letters.pop(about, None)
        self._skipped |= {Letter(*about, position): unparking.reason for position in unparking.skipped}
        return self._checkpoints[unparking.subscription]

    # --- Generations --------------------------------------------------------------------------------------------

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        return [self._generations[each] for each in sorted(self._generations) if each[0] in subscriptions]

    async def enter(self, generation: Generation, made: Sequence[Made] = (), *, over: Generation | None = None) -> bool:
        if layouts_of(made):
            raise _no_sql()
        about = generation.subscription, generation.number
        if self._generations.get(about) != over:
            return False
        self._generations[about] = generation
        for table in tables_of(made):
            self._make(beside(table, generation.number).name, in_generation(table, generation.number))
        return True

    async def complete(self, generation: Generation, made: Sequence[Made]) -> None:
        """Dicts need no indexes."""

    async def switch(self, change: Switch, *, catch_up: CatchUp | None = None) -> bool:
        name, old, new = change.subscription, change.old, change.new
        if not change.fits(await self.generations([name])):
            return False
        beside = subscription_of(name, new)
        here, there = await self.checkpoints([name]), await self.checkpoints([beside])
        if not may_take_over(change, _places(here), _places(there)):
            return False
        for table in tables_of(change.made):
            self._rename(table.name, numbered(table.name, old))
            self._rename(numbered(table.name, new), table.name)
        epoch = max(at.epoch for at in self._checkpoints.values()) + 1
        self._rename_checkpoints(name, subscription_of(name, old), epoch)
        self._rename_checkpoints(beside, name, epoch)
        if list(there) == [beside] and change.partitions > 1:
            self._checkpoints |= dict.fromkeys(partition_names(name, change.partitions), self._checkpoints[name])
        self._notes = {each: note for each, note in self._notes.items() if whole(each) != name}
        for number, state in ((old, change.leaves), (new, "active")):
            if (name, number) in self._generations:
                found = self._generations[name, number]
                self._generations[name, number] = msgspec.structs.replace(found, state=state)
        return True

    async def drop(self, generation: Generation, made: Sequence[Made]) -> bool:
        if generation not in await self.generations([generation.subscription]):
            return False
        for table in tables_of(made):
            self._forget(numbered(table.name, generation.number))
        about = generation.subscription, generation.number
        self._forget_checkpoints(subscription_of(*about))
        self._generations[about] = msgspec.structs.replace(self._generations[about], state=generation.dropped)
        return True

    # --- Notes and questions ------------------------------------------------------------------------------------

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        return {name: self._notes[name] for name in names if name in self._notes}

    async def note(self, name: str, note: Note | None) -> None:
        self._notes.pop(name, None)
        if note is not None:
            self._notes[name] = note

    async def select(self, table: Table, tail: str, params: Mapping[str, object]) -> list[Any]:
        if tail.strip() or params:
            raise _no_question()
        try:
            return self._turned_back(table, list(self._rows(table).rows.values()))
        except StoreRefusedError as error:
            raise QueryError(f"The read database refused: {error.fact}", remedy=error.remedy) from error

    async def query(self, sql: str, params: Mapping[str, object]) -> Found:
        raise _no_question()

    async def secret(self) -> bytes:
        return self._secret

    # --- How it is done -----------------------------------------------------------------------------------------

    def _rows(self, table: Table) -> _Rows:
        there = self._tables.get(table.name)
        if there is None or not there.columns.issuperset(table.names):
            what = f"no table {table.name}" if there is None else f"{table.name} has other columns"
            raise StoreRefusedError(
                f"The read database has changed: {what}",
                reason="schema",
                remedy="Put back what was dropped or altered.",
            )
        return there

    def _make(self, name: str, table: Table) -> None:
        self._forget(name)
        optional = {column.name: None for column in table.columns if column.optional}
        self._tables[name] = _Rows(table.definition, set(table.names), defaults=optional)

    def _forget(self, name: str) -> None:
        """Remove a table, and what is parked of it."""
        self._tables.pop(name, None)
        self._parked = {about: each for about, each in self._parked.items() if about[0] != name}
        self._letters = {about: each for about, each in self._letters.items() if about[0] != name}

    def _forget_checkpoints(self, subscription: str) -> None:
        for name in [each for each in self._checkpoints if whole(each) == subscription]:
            del self._checkpoints[name]

    def _rename_checkpoints(self, subscription: str, other: str, epoch: int) -> None:
        for name in [each for each in self._checkpoints if whole(each) == subscription]:
            at = msgspec.structs.replace(self._checkpoints.pop(name), epoch=epoch)
            self._checkpoints[other + name.removeprefix(subscription)] = at

    def _rename(self, name: str, other: str) -> None:
        self._tables[other] = self._tables.pop(name)
        for about in [about for about in self._parked if about[0] == name]:
            self._parked[other, about[1]] = msgspec.structs.replace(self._parked.pop(about), read_model=other)
            self._letters[other, about[1]] = self._letters.pop(about, [])

    def _amend(self, table: Table, added: Sequence[Column]) -> None:
        there, keeper = self._tables[table.name], Keeper(table)
        for column in added:
            default = None if column.default is None else keeper.values(column.name, [column.default])[0]
            there.columns.add(column.name)
            there.defaults[column.name] = default
            for row in there.rows.values():
                row[column.name] = default
        there.definition = table.definition

    def _may_move(self, advance: Advance) -> bool:
        """Whether the checkpoint is where the step begins; one that never moved stands before the first event."""
        may_begin = advance.start.position == 0 and whole(advance.name) == advance.name
        at = self._checkpoints.get(advance.name, advance.start if may_begin else None)
        return at is not None and (at.position, at.epoch) == (advance.start.position, advance.start.epoch)

    def _kept(self, changes: Changes) -> dict[Key, dict[str, Any]]:
        """The rows as they are kept. ``StoreRefusedError`` for what no database would."""
        table = changes.table
        there = self._rows(table)
        missing = there.columns - there.defaults.keys() - set(table.names)
        try:
            if missing and changes.rows:
                raise ValueError(f"{', '.join(missing)} has no value")
            found = Keeper(table).kept(changes.rows)
            if changes.are_new and not there.rows.keys().isdisjoint(found):
                raise ValueError(f"{table.name} has a row with one of these keys already")
            for values in found.values():
                _refuse_unfit(table, values)
        except (TypeError, ValueError, OverflowError) as error:
            raise refused_value(error) from error
        return {key: dict(zip(table.names, values, strict=True)) for key, values in found.items()}

    def _write(self, changes: Changes, kept: Mapping[Key, dict[str, Any]]) -> None:
        there = self._tables[changes.table.name]
        for key in changes.removed:
            there.rows.pop(key, None)
        for key, row in kept.items():
            there.rows[key] = {**there.defaults, **there.rows.get(key, {}), **row}

    def _turned_back(self, table: Table, kept: Sequence[Mapping[str, Any]]) -> list[Any]:
        return Keeper(table).rows([tuple(row[name] for name in table.names) for row in kept])

    def _refuse_parked_already(self, parked: Sequence[Parked]) -> None:
        seen = set(self._parked)
        for each in parked:
            if (each.read_model, each.key) in seen:
                raise refused_value(ValueError(f"{each.key} of {each.read_model} is parked already"))
            seen.add((each.read_model, each.key))

    def _park(self, parked: Sequence[Parked], letters: Sequence[Letter]) -> None:
        self._parked |= {(each.read_model, each.key): each for each in parked}
        for each in letters:
            self._letters.setdefault((each.read_model, each.key), []).append(each.position)


def _refuse_unfit(table: Table, values: Values) -> None:
    """``TypeError`` or ``ValueError`` for a value that its column cannot hold."""
    for column, value in zip(table.columns, values, strict=True):
        wanted = _PLAIN.get(column.kind, object)
        if value is None and not column.optional:
            raise TypeError(f"{column.name} has no value")
        if value is not None and not isinstance(value, wanted):
            raise TypeError(f"{column.name} must be {wanted.__name__}, not {type(value).__name__}")
        if reason := unfit(column.name, value):
            raise ValueError(reason)


def _places(found: Mapping[str, Checkpoint]) -> dict[str, tuple[int, int]]:
    return {name: (at.position, at.epoch) for name, at in found.items()}


def _no_sql() -> StoreRefusedError:
    return StoreRefusedError(
        "MemoryReads takes no projection that writes SQL",
        reason="no-sql",
        remedy="Use sqlite:// (InMemoryApp) for tests of it.",
    )


def _no_question() -> QueryError:
    return QueryError(
        "MemoryReads answers no SQL, only for every row of a table",
        remedy="Use sqlite:// (InMemoryApp) for tests that ask.",
    )
