"""A database of read models that many simulated processes share: each of its methods is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import msgspec

from tests.simulation.tables import Tables
from tests.simulation.waiting import done
from tests.simulation.watch import NOBODY, By, Watch
from twofold.projections.generations import Generation
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Advance, Arrangement, Survey, Take, Unparking
from twofold.projections.table import Table
from twofold.subscriptions import Checkpoint, Lease, Note, Verb, Wish
from twofold.subscriptions.partition import standing, whole


class Kept(msgspec.Struct):
    """Everything that is on disk. ``ends`` says until when workers live, by the database's clock."""

    tables: Tables = msgspec.field(default_factory=Tables)
    definitions: dict[str, str] = {}
    generations: dict[tuple[str, int], Generation] = {}
    notes: dict[str, Note] = {}
    parked: dict[tuple[str, str], Parked] = {}
    letters: dict[tuple[str, str], list[int]] = {}
    skipped: dict[Letter, str] = {}
    journal: list[Mapping[str, object]] = []
    leases: dict[str, Lease] = {}
    workers: dict[str, Sequence[str]] = {}
    ends: dict[str, float] = {}
    wishes: dict[tuple[str, Verb], Wish] = {}

    def forget_notes(self, name: str) -> None:
        """Forget why a subscription, or a partition of it, stopped."""
        for each in [each for each in self.notes if whole(each) == name]:
            del self.notes[each]

    def copied(self) -> Kept:
        return Kept(
            self.tables.copied(),
            dict(self.definitions),
            dict(self.generations),
            dict(self.notes),
            dict(self.parked),
            {about: list(positions) for about, positions in self.letters.items()},
            dict(self.skipped),
            list(self.journal),
            dict(self.leases),
            dict(self.workers),
            dict(self.ends),
            dict(self.wishes),
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
    """The database itself. ``watch`` is told of each commit, and looks at what is kept then.

    It does not wait for the disk, unless it has to ``flush``: then no crash takes back what is kept now.
    """

    def __init__(self) -> None:
        self.kept = Kept()
        self.watch = Watch()
        self.flush: Callable[[], None] = lambda: None

    @contextmanager
    def transaction(self) -> Generator[Kept]:
        """All of it, or nothing."""
        before = self.kept.copied()
        try:
            yield self.kept
        except BaseException:
            self.kept = before
            raise

    def install(self, tables: Sequence[Table], leave: Collection[str]) -> None:
        """Make the tables that are missing, and forget the checkpoint of each that was."""
        for table in tables:
            if table.name not in leave and table.name not in self.kept.tables.rows:
                self.kept.tables.forget(table.subscription)
                self.make(table)
        self.flush()

    def make(self, table: Table, definition: str = "") -> None:
        """Make a table, in place of one that is there."""
        self.remove(table.name)
        self.kept.tables.rows[table.name] = {}
        self.kept.definitions[table.name] = definition or table.definition

    def remove(self, name: str) -> None:
        """Remove a table and what is kept about it."""
        kept = self.kept
        kept.tables.rows.pop(name, None)
        kept.definitions.pop(name, None)
        kept.parked = {about: each for about, each in kept.parked.items() if about[0] != name}
        kept.letters = {about: each for about, each in kept.letters.items() if about[0] != name}

    def save(self, advances: Sequence[Advance], by: By = NOBODY) -> list[bool]:
        """Take each step whose checkpoint is as expected. ``by`` is who folded."""
        with self.transaction():
            moved = [self.kept.tables.move(advance) for advance in advances]
            for advance, has_moved in zip(advances, moved, strict=True):
                if has_moved:
                    self.write(advance)
        self.watch.advanced([advance for advance, has_moved in zip(advances, moved, strict=True) if has_moved], by)
        return moved

    def write(self, advance: Advance) -> None:
        """Everything of a step but its checkpoint."""
        for changes in advance.changes:
            self.kept.tables.write(changes)
        for parked in advance.parked:
            self.kept.parked.setdefault((parked.read_model, parked.key), parked)
        for letter in advance.letters:
            self.keep_letter(letter)
        if advance.work is not None:
            done(advance.work(Writing(self.kept)))

    def keep_letter(self, letter: Letter) -> None:
        letters = self.kept.letters.setdefault((letter.read_model, letter.key), [])
        if letter.position not in letters:
            letters.append(letter.position)
            letters.sort()

    def arrange(self, wanted: Arrangement) -> bool:
        """Exchange all checkpoints of a subscription, if they are as expected."""
        with self.transaction() as kept:
            checkpoints, name = kept.tables.checkpoints, wanted.subscription
            found = {each: at for each, at in checkpoints.items() if whole(each) == name}
            if places_of(standing(found, [name])) != places_of(wanted.before):
                return False
            epoch = max([1, *(at.epoch for at in found.values())]) + 1
            for each in found:
                del checkpoints[each]
            for each, at in ({name: next(iter(wanted.after.values()))} | dict(wanted.after)).items():
                checkpoints[each] = msgspec.structs.replace(at, epoch=epoch)
            kept.forget_notes(name)
        self.watch.arranged(wanted)
        return True

    def parked(self, read_models: Collection[str]) -> list[Parked]:
        found = [parked for (name, _), parked in self.kept.parked.items() if name in read_models]
        return sorted(found, key=lambda parked: (parked.read_model, parked.since, parked.key))

    def letters(self, read_model: str, key: str) -> list[int]:
        return list(self.kept.letters.get((read_model, key), ()))

    def skipped(self, read_models: Collection[str]) -> list[Letter]:
        return [letter for letter in self.kept.skipped if letter.read_model in read_models]

    def unpark(self, unparking: Unparking, by: By = NOBODY) -> Checkpoint | None:
        about = unparking.read_model, unparking.key
        at = self.kept.tables.checkpoints.get(unparking.subscription)
        if at is None or at.epoch != unparking.epoch:
            return None
        if about not in self.kept.parked or self.letters(*about) != list(unparking.letters):
            return None
        with self.transaction() as kept:
            self.fence([unparking.subscription])
            del kept.parked[about], kept.letters[about]
            for position in unparking.skipped:
                kept.skipped[Letter(*about, position)] = unparking.reason
            for changes in unparking.changes:
                kept.tables.write(changes)
        self.watch.let_go(unparking, by)
        return self.kept.tables.checkpoints[unparking.subscription]

    def fence(self, names: Collection[str]) -> None:
        """Whoever runs one of these is late from here on."""
        for name, at in self.kept.tables.places(names).items():
            self.kept.tables.checkpoints[name] = msgspec.structs.replace(at, epoch=at.epoch + 1)

    def survey(self, table: Table, beside: Sequence[str], take: Take) -> Survey:
        rows = self.kept.tables.table(table.name)
        take(table, self.kept.tables.load(table, rows.keys()))
        return Survey(self.kept.tables.places([table.subscription]), self.parked(beside), self.skipped(beside))

    def definitions(self, tables: Collection[str]) -> Mapping[str, str]:
        return {name: self.kept.definitions[name] for name in tables if name in self.kept.definitions}

    def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        return {name: self.kept.notes[name] for name in names if name in self.kept.notes}

    def note(self, name: str, note: Note | None) -> None:
        self.kept.notes.pop(name, None)
        if note is not None:
            self.kept.notes[name] = note


def places_of(found: Mapping[str, Checkpoint]) -> Mapping[str, tuple[int, int]]:
    """Position and epoch of each."""
    return {name: (at.position, at.epoch) for name, at in found.items()}
