"""Bugs in the databases: transactions that are none, and what is not compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tests.simulation.doors import ReadDoor
from tests.simulation.log import SharedLog
from tests.simulation.mutants.registry import Wrong, mutant
from tests.simulation.reads import SharedReads
from tests.simulation.tables import Tables
from twofold.store.port import Page


@mutant
def checkpoint_before_rows() -> Wrong:
    """The checkpoint is moved in one transaction, the rows are written in another."""
    right = ReadDoor.save

    async def save(self: ReadDoor, advances: Sequence[Any]) -> list[bool]:
        if _are_strong(self, advances):
            return await right(self, advances)
        moved = await self.line.call("move", lambda: [self.shared.kept.tables.move(each) for each in advances])
        await self.line.call("write", lambda: _write(self, advances, moved))
        return moved

    return ReadDoor, "save", save


@mutant
def rows_before_checkpoint() -> Wrong:
    """The rows are written in one transaction, the checkpoint is moved in another."""
    right = ReadDoor.save

    async def save(self: ReadDoor, advances: Sequence[Any]) -> list[bool]:
        if _are_strong(self, advances):
            return await right(self, advances)

        def move() -> list[bool]:
            moved = [self.shared.kept.tables.move(advance) for advance in advances]
            _watch(self, advances, moved)
            return moved

        def write() -> None:
            for advance in advances:
                self.shared.write(advance)

        await self.line.call("write", write)
        return await self.line.call("move", move)

    return ReadDoor, "save", save


@mutant
def no_compare_and_set() -> Wrong:
    """The checkpoint is moved wherever it stood."""

    def move(self: Tables, advance: Any) -> bool:
        self.checkpoints[advance.name] = advance.end
        return True

    return Tables, "move", move


@mutant
def epoch_ignored() -> Wrong:
    """Only the position is compared: who was fenced by a higher epoch goes on."""

    def move(self: Tables, advance: Any) -> bool:
        found = self.checkpoints.get(advance.name) or advance.start
        if found.position != advance.start.position:
            return False
        self.checkpoints[advance.name] = msgspec.structs.replace(advance.end, epoch=found.epoch)
        return True

    return Tables, "move", move


@mutant
def letters_not_compared() -> Wrong:
    """A key is let go though it got another letter meanwhile: a gap."""
    right = SharedReads.unpark

    def unpark(self: SharedReads, unparking: Any, by: Any) -> Any:
        about = unparking.read_model, unparking.key
        return right(self, msgspec.structs.replace(unparking, letters=self.letters(*about)), by)

    return SharedReads, "unpark", unpark


@mutant
def unparking_without_a_fence() -> Wrong:
    """Whoever runs the subscription is not told that a key was let go."""
    return SharedReads, "fence", lambda self, names: None


@mutant
def unparking_into_another_generation() -> Wrong:
    """A row that was made of one generation's goes into the one that has taken its place meanwhile."""
    right = SharedReads.unpark

    def unpark(self: SharedReads, unparking: Any, by: Any) -> Any:
        at = self.kept.tables.checkpoints.get(unparking.subscription)
        return right(self, msgspec.structs.replace(unparking, epoch=at.epoch if at is not None else 1), by)

    return SharedReads, "unpark", unpark


@mutant
def letters_not_kept() -> Wrong:
    """What a parked key does not take is not noted."""
    return SharedReads, "keep_letter", lambda self, letter: None


@mutant
def filtered_page_overruns() -> Wrong:
    """A full page says that it speaks for all of the log."""
    right = SharedLog.read

    async def read(self: SharedLog, **wanted: Any) -> Page:
        return msgspec.structs.replace(await right(self, **wanted), reached=len(self.rows))

    return SharedLog, "read", read


@mutant
def versions_not_compared() -> Wrong:
    """Of rivals that expect the same version, all win."""
    return SharedLog, "_stream_conflict", lambda self, append: None


@mutant
def keys_not_remembered() -> Wrong:
    """An append that is sent again after a lost answer is made again."""
    return SharedLog, "_judge", lambda self, append: self._stream_conflict(append) or self._write(append)


def _are_strong(door: ReadDoor, advances: Sequence[Any]) -> bool:
    """Whether this is about the log's database: those of both never move together."""
    return any(door._home(each.name).shared is not door.shared for each in advances)


def _write(door: ReadDoor, advances: Sequence[Any], moved: Sequence[bool]) -> None:
    for advance, has_moved in zip(advances, moved, strict=True):
        if has_moved:
            door.shared.write(advance)
    _watch(door, advances, moved)


def _watch(door: ReadDoor, advances: Sequence[Any], moved: Sequence[bool]) -> None:
    made = [advance for advance, has_moved in zip(advances, moved, strict=True) if has_moved]
    door.shared.watch.advanced(made, door.by)
