"""Bugs to be planted one at a time: if the simulation cannot find them, it would not find real ones either.

Each is a function that says by its docstring what is wrong, and returns what it replaces: an owner, a name and the wrong
piece. Those of later machinery (leases, switches) join the others at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from unittest.mock import patch

import msgspec

from tests.simulation.log import SharedLog
from tests.simulation.reads import ReadDoor, SharedReads
from tests.simulation.run import failure
from twofold.deciders.states import States
from twofold.projections.fold import Fold
from twofold.projections.folding import Folding
from twofold.projections.lot import Lot
from twofold.projections.projector import Projector
from twofold.store.appender import Appender
from twofold.store.port import Page
from twofold.subscriptions import checkpoint, cohort, elsewhere
from twofold.subscriptions.cohort import Cohort
from twofold.subscriptions.engine import Engine
from twofold.subscriptions.member import Member
from twofold.subscriptions.pages import Pages

Wrong: TypeAlias = tuple[object, str, Any]
MUTANTS: dict[str, Callable[[], Wrong]] = {}


def mutant(wrong: Callable[[], Wrong]) -> Callable[[], Wrong]:
    MUTANTS[wrong.__name__] = wrong
    return wrong


@contextmanager
def planted(name: str) -> Generator[None]:
    """The code with this bug."""
    owner, attribute, wrong = MUTANTS[name]()
    with patch.object(owner, attribute, wrong):
        yield


def killed_by(name: str, seeds: Iterable[int]) -> int | None:
    """The first of these seeds that finds the bug."""
    with planted(name):
        return next((seed for seed in seeds if failure(seed) is not None), None)


async def _nothing(*given: Any, **named: Any) -> None:
    """Done at once."""


# The database of read models.


@mutant
def checkpoint_before_rows() -> Wrong:
    """The checkpoint is moved in one transaction, the rows are written in another."""

    async def save(self: ReadDoor, advances: Sequence[Any]) -> list[bool]:
        moved = await self.line.call("move", lambda: [self.shared.move(advance) for advance in advances])
        await self.line.call("write", lambda: _write(self.shared, advances, moved))
        return moved

    return ReadDoor, "save", save


@mutant
def rows_before_checkpoint() -> Wrong:
    """The rows are written in one transaction, the checkpoint is moved in another."""

    async def save(self: ReadDoor, advances: Sequence[Any]) -> list[bool]:
        def move() -> list[bool]:
            moved = [self.shared.move(advance) for advance in advances]
            _watch(self.shared, advances, moved)
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

    def move(self: SharedReads, advance: Any) -> bool:
        self.kept.checkpoints[advance.name] = advance.end
        return True

    return SharedReads, "move", move


@mutant
def epoch_ignored() -> Wrong:
    """Only the position is compared: who was fenced by a higher epoch goes on."""

    def move(self: SharedReads, advance: Any) -> bool:
        found = self.kept.checkpoints.get(advance.name) or advance.start
        if found.position != advance.start.position:
            return False
        self.kept.checkpoints[advance.name] = msgspec.structs.replace(advance.end, epoch=found.epoch)
        return True

    return SharedReads, "move", move


@mutant
def letters_not_compared() -> Wrong:
    """A key is let go though it got another letter meanwhile: a gap."""
    right = SharedReads.unpark

    def unpark(self: SharedReads, unparking: Any) -> Any:
        about = unparking.read_model, unparking.key
        return right(self, msgspec.structs.replace(unparking, letters=self.letters(*about)))

    return SharedReads, "unpark", unpark


@mutant
def unparking_without_a_fence() -> Wrong:
    """Whoever runs the subscription is not told that a key was let go."""
    return SharedReads, "fence", lambda self, name: None


@mutant
def letters_not_kept() -> Wrong:
    """What a parked key does not take is not noted."""
    return SharedReads, "keep_letter", lambda self, letter: None


# The log.


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


# Commands.


@mutant
def every_caller_gets_the_first_verdict() -> Wrong:
    """Of appends that were flushed together, each gets the answer to the first."""
    right = Appender._flush

    async def flush(self: Appender, batch: Any) -> Any:
        judged = await right(self, batch)
        return [(future, judged[0][1]) for future, _ in judged]

    return Appender, "_flush", flush


@mutant
def states_stay_old_after_a_conflict() -> Wrong:
    """A command is decided again on the state that was in the way."""
    return States, "refresh", _nothing


# The engine.


@mutant
def cursor_one_too_far() -> Wrong:
    """Of each page, the next begins one event too late."""
    right = Pages._read

    async def read(self: Pages, position: int, types: frozenset[str]) -> Any:
        return await right(self, position + 1 if position else 0, types)

    return Pages, "_read", read


@mutant
def page_read_ahead_is_always_used() -> Wrong:
    """What was read ahead is taken, though the checkpoint is elsewhere since."""
    right = Pages._batch

    async def batch(self: Pages, position: int, types: frozenset[str]) -> Any:
        if self._ahead is not None:
            self._ahead = (position, types, self._ahead[2])
        return await right(self, position, types)

    return Pages, "_batch", batch


@mutant
def laggard_taken_for_level() -> Wrong:
    """Whoever joins a cohort gets only what the foremost has not had."""
    right = cohort._deliveries

    def deliveries(members: list[Member], batch: Any) -> Any:
        first = max(member.position for member in members)
        return [
            msgspec.structs.replace(each, events=[event for event in each.events if event.position > first])
            for each in right(members, batch)
        ]

    return cohort, "_deliveries", deliveries


@mutant
def fenced_worker_does_not_follow() -> Wrong:
    """Whoever was fenced tries the same again, for ever."""
    return Cohort, "_follow_others", _nothing


@mutant
def reach_returns_early() -> Wrong:
    """Waiters are told one event too soon."""
    return Member, "_has", lambda self, position: self.position >= position - 1


@mutant
def reach_elsewhere_returns_early() -> Wrong:
    """Those who wait for another process are content with one of several."""
    right = elsewhere._late

    async def late(store: Any, head: Any, names: Any, position: int) -> dict[str, int]:
        found = await right(store, head, names, position)
        return found if len(found) == len(names) else {}

    return elsewhere, "_late", late


@mutant
def crashes_not_noticed() -> Wrong:
    """After a crash of the read side everybody relies on what was seen before."""
    return Engine, "doubt", lambda self: None


@mutant
def deliveries_in_doubt() -> Wrong:
    """A page that was read during a crash of the read side is delivered all the same."""
    right = Cohort._deliver

    async def turn(self: Cohort, head: int) -> int:
        self.members += self._joining
        self._joining = []
        await self._look_again([member for member in self.members if member.doubt is not None])
        types = frozenset[str]().union(*(member.types for member in self.members))
        batch = await self._pages.after(self.position, types)
        await right(self, self.members, batch)
        return batch.reached

    return Cohort, "turn", turn


@mutant
def old_head_contradicts() -> Wrong:
    """A start that another worker overtakes takes the log for another one."""
    right = checkpoint.disagreement

    async def disagreement(log: Any, head: Any, found: Any) -> str:
        return "overtaken" if found.position > head.position else await right(log, head, found)

    return checkpoint, "disagreement", disagreement


@mutant
def news_wake_nobody() -> Wrong:
    """Whoever has come to the head stays there, whatever is appended."""
    return Engine, "_watch", _nothing


# Folds.


@mutant
def rows_remembered_after_a_fence() -> Wrong:
    """Rows are not loaded anew, though another worker has changed them."""
    return Folding, "forget", lambda self, group: None


@mutant
def rows_remembered_after_a_failure() -> Wrong:
    """Rows that a page has changed are taken for what is kept, though it could not be saved."""
    right = Projector.deliver

    async def deliver(self: Projector, deliveries: Sequence[Any]) -> Any:
        with patch.object(self, "_forget", lambda name: None):
            return await right(self, deliveries)

    return Projector, "deliver", deliver


@mutant
def rows_remembered_between_two_starts() -> Wrong:
    """Whoever starts again relies on rows from before."""

    async def resume(self: Projector, names: Any) -> Any:
        with patch.object(self, "_forget", lambda name: None):
            return await right(self, names)

    right = Projector.resume
    return Projector, "resume", resume


@mutant
def successors_not_parked() -> Wrong:
    """Only the poisoned event is left out: its key takes the later ones."""

    def passing(self: Fold, touches: Any) -> Any:
        for touch in touches:
            if self.parked.get(touch[0]) == touch[3].position:
                self.letters[touch[0], touch[3].position] = None
            else:
                yield touch

    return Fold, "passing", passing


@mutant
def fan_outs_pass_parked_keys() -> Wrong:
    """An event for all rows that hold a value is no letter of the parked ones."""
    return Fold, "keep_fan_outs", lambda self: None


@mutant
def parked_keys_not_read() -> Wrong:
    """A process that starts, or was fenced, does not look which keys are parked."""
    return Lot, "read", _nothing


@mutant
def looking_forgets_what_is_parked() -> Wrong:
    """Whoever asks how far a subscription is makes the folds forget for a moment which keys are parked."""
    right = Projector.checkpoints

    async def checkpoints(self: Projector, names: Any) -> Any:
        self._lot._parked.clear()
        return await right(self, names)

    return Projector, "checkpoints", checkpoints


def _write(shared: SharedReads, advances: Sequence[Any], moved: Sequence[bool]) -> None:
    for advance, has_moved in zip(advances, moved, strict=True):
        if has_moved:
            shared.write(advance)
    _watch(shared, advances, moved)


def _watch(shared: SharedReads, advances: Sequence[Any], moved: Sequence[bool]) -> None:
    for advance, has_moved in zip(advances, moved, strict=True):
        if has_moved:
            shared.watch(advance.name, advance.start.position, advance.end.position)
