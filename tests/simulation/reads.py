"""A database of read models that many simulated processes share, each through a door of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec

from tests.simulation.log import done
from tests.simulation.network import Line
from twofold.projections.generations import Generation, Switch
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Advance, Found, Layout, Survey, Take, Unparking
from twofold.projections.table import Changes, Key, Table
from twofold.subscriptions import Checkpoint, Note

Watch = Callable[[str, int, int], None]
"""Told after each commit: the subscription, and from where to where it has moved."""


class Kept(msgspec.Struct):
    """Everything that is on disk. Rows are kept as JSON, so that nobody shares one."""

    rows: dict[str, dict[Key, tuple[type[Any], bytes]]] = {}
    checkpoints: dict[str, Checkpoint] = {}
    notes: dict[str, Note] = {}
    parked: dict[tuple[str, str], Parked] = {}
    letters: dict[tuple[str, str], list[int]] = {}
    journal: list[Mapping[str, object]] = []

    def copy(self) -> Kept:
        return Kept(
            {name: dict(rows) for name, rows in self.rows.items()},
            dict(self.checkpoints),
            dict(self.notes),
            dict(self.parked),
            {about: list(positions) for about, positions in self.letters.items()},
            list(self.journal),
        )


class Writing:
    """A ``Writer`` for projections with statements of their own: each statement's parameters are one line of a journal."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    async def execute(self, sql: str, /, **params: object) -> None:
        self._kept.journal.append(params)

    async def rows(self, sql: str, /, **params: object) -> list[dict[str, Any]]:
        raise NotImplementedError

    async def execute_over(self, sql: str, table: Table, rows: Sequence[Any]) -> None:
        raise NotImplementedError


class SharedReads:
    """The database itself. Each of its methods is one transaction."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.watch: Watch = lambda name, start, end: None
        self.watch_unparking: Callable[[Unparking], None] = lambda unparking: None

    def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        rows = self.kept.rows.get(table.name, {})
        return [_row(*rows[key]) for key in sorted(keys, key=repr) if key in rows]

    def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        rows = [_row(*each) for each in self.kept.rows.get(table.name, {}).values()]
        return [row for row in rows if getattr(row, column) in values]

    def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        return {name: self.kept.checkpoints[name] for name in names if name in self.kept.checkpoints}

    def save(self, advances: Sequence[Advance]) -> list[bool]:
        before = self.kept.copy() if any(advance.work for advance in advances) else self.kept
        try:
            moved = [self.move(advance) for advance in advances]
            for advance, has_moved in zip(advances, moved, strict=True):
                if has_moved:
                    self.write(advance)
        except BaseException:
            self.kept = before
            raise
        for advance, has_moved in zip(advances, moved, strict=True):
            if has_moved:
                self.watch(advance.name, advance.start.position, advance.end.position)
        return moved

    def move(self, advance: Advance) -> bool:
        """Compare and set the checkpoint."""
        found = self.kept.checkpoints.get(advance.name)
        at = advance.start if found is None else found
        if found is None and advance.start.position > 0:
            return False
        if (at.position, at.epoch) != (advance.start.position, advance.start.epoch):
            return False
        self.kept.checkpoints[advance.name] = advance.end
        return True

    def write(self, advance: Advance) -> None:
        """Everything of a step but its checkpoint."""
        for changes in advance.changes:
            self.write_rows(changes)
        for parked in advance.parked:
            self.kept.parked.setdefault((parked.read_model, parked.key), parked)
        for letter in advance.letters:
            self.keep_letter(letter)
        if advance.work is not None:
            done(advance.work(Writing(self.kept)))

    def write_rows(self, changes: Changes) -> None:
        rows = self.kept.rows.setdefault(changes.table.name, {})
        for key in changes.removed:
            rows.pop(key, None)
        for row in changes.rows:
            rows[_key(changes.table, row)] = type(row), msgspec.json.encode(row)

    def keep_letter(self, letter: Letter) -> None:
        letters = self.kept.letters.setdefault((letter.read_model, letter.key), [])
        if letter.position not in letters:
            letters.append(letter.position)
            letters.sort()

    def parked(self, read_models: Collection[str]) -> list[Parked]:
        found = [parked for (name, _), parked in self.kept.parked.items() if name in read_models]
        return sorted(found, key=lambda parked: (parked.read_model, parked.since, parked.key))

    def letters(self, read_model: str, key: str) -> list[int]:
        return list(self.kept.letters.get((read_model, key), ()))

    def unpark(self, unparking: Unparking) -> Checkpoint | None:
        about = unparking.read_model, unparking.key
        if about not in self.kept.parked or self.letters(*about) != list(unparking.letters):
            return None
        self.fence(unparking.subscription)
        del self.kept.parked[about], self.kept.letters[about]
        for changes in unparking.changes:
            self.write_rows(changes)
        self.watch_unparking(unparking)
        return self.kept.checkpoints[unparking.subscription]

    def fence(self, name: str) -> None:
        at = self.kept.checkpoints[name]
        self.kept.checkpoints[name] = msgspec.structs.replace(at, epoch=at.epoch + 1)

    def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        return {name: self.kept.notes[name] for name in names if name in self.kept.notes}

    def note(self, name: str, note: Note | None) -> None:
        self.kept.notes.pop(name, None)
        if note is not None:
            self.kept.notes[name] = note


class ReadDoor:
    """A ``ReadStore`` without questions: the shared database at the other end of a line."""

    def __init__(self, reads: SharedReads, line: Line) -> None:
        self.shared, self.line = reads, line
        self._lost: list[Callable[[], None]] = []

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    def know(self, tables: Sequence[Table]) -> None:
        """Nothing to do."""

    async def install(
        self, tables: Sequence[Table], layouts: Sequence[Layout] = (), *, leave: Collection[str] = ()
    ) -> None:
        """Nothing to do."""

    async def definitions(self, tables: Collection[str]) -> Mapping[str, str]:
        raise NotImplementedError

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        return []

    async def enter(self, generation: Generation, tables: Sequence[Table] = ()) -> bool:
        raise NotImplementedError

    async def complete(self, generation: Generation, tables: Sequence[Table]) -> None:
        raise NotImplementedError

    async def switch(self, change: Switch) -> bool:
        raise NotImplementedError

    async def drop(self, generation: Generation, tables: Sequence[Table]) -> None:
        raise NotImplementedError

    def on_loss(self, listener: Callable[[], None]) -> None:
        self._lost.append(listener)

    def lose(self) -> None:
        """The connection is lost."""
        for listener in self._lost:
            listener()

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        return await self.line.call("checkpoints", lambda: self.shared.checkpoints(names))

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        wanted = list(keys)
        return await self.line.call("load", lambda: self.shared.load(table, wanted))

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        return await self.line.call("find", lambda: self.shared.find(table, column, values))

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        # Rows are written down before the call goes out: what the caller does to them later is not in it.
        written = [_written(advance) for advance in advances]
        return await self.line.call(_said(advances), lambda: self.shared.save(written), unknown=True)

    async def survey(self, table: Table, beside: Sequence[str], take: Take) -> Survey:
        raise NotImplementedError

    async def parked(self, read_models: Collection[str]) -> Sequence[Parked]:
        return await self.line.call("parked", lambda: self.shared.parked(read_models))

    async def letters(self, read_model: str, key: str) -> Sequence[int]:
        return await self.line.call("letters", lambda: self.shared.letters(read_model, key))

    async def skipped(self, read_models: Collection[str]) -> Sequence[Letter]:
        return ()

    async def unpark(self, unparking: Unparking) -> Checkpoint | None:
        return await self.line.call("unpark", lambda: self.shared.unpark(unparking))

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        return await self.line.call("notes", lambda: self.shared.notes(names))

    async def note(self, name: str, note: Note | None) -> None:
        await self.line.call("note", lambda: self.shared.note(name, note))

    async def select(self, table: Table, tail: str, params: Mapping[str, object]) -> list[Any]:
        raise NotImplementedError

    async def query(self, sql: str, params: Mapping[str, object]) -> Found:
        raise NotImplementedError

    async def secret(self) -> bytes:
        raise NotImplementedError


def _row(cls: type[Any], encoded: bytes) -> Any:
    return msgspec.json.decode(encoded, type=cls)


def _key(table: Table, row: Any) -> Key:
    found = tuple(getattr(row, name) for name in table.key)
    return found[0] if len(found) == 1 else found


def _written(advance: Advance) -> Advance:
    copies = [
        Changes(each.table, [_row(type(row), msgspec.json.encode(row)) for row in each.rows], list(each.removed))
        for each in advance.changes
    ]
    return msgspec.structs.replace(advance, changes=copies)


def _said(advances: Sequence[Advance]) -> str:
    steps = (f"{each.name} {each.start.position}-{each.end.position}/{each.start.epoch}" for each in advances)
    return f"save {', '.join(steps)}"
