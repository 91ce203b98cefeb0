"""What became of the rows of one read model, step after step, as long as each step begins where the last one ended."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from twofold.projections.table import Key
from twofold.subscriptions import Checkpoint

Place: TypeAlias = tuple[int, int]
"""Where a checkpoint stands: its position and its epoch. Whatever changes rows raises one of them."""

Ending: TypeAlias = Literal["moved", "left", "replaced", "emptied"]
"""Why nobody knows what comes next: others moved the checkpoint (or a crash did, backwards), this process does not fold the
read model any more, another generation took its place, or it was emptied to be filled again."""


class Turned(msgspec.Struct, frozen=True):
    """A row as it was before a step and as it is after it; None where there is no row."""

    key: Key
    before: Any
    after: Any


class Commit(msgspec.Struct, frozen=True):
    """A step of the ``subscription`` that was committed: from one checkpoint to another.

    ``tables`` are those whose rows it changed; ``rows`` tells what became of them, by read model (None: nobody has looked).
    """

    subscription: str
    start: Checkpoint
    end: Checkpoint
    tables: Sequence[str] = ()
    rows: Mapping[str, Sequence[Turned] | None] = {}


class Round(msgspec.Struct, frozen=True):
    """The rows of one step, which ended at a checkpoint."""

    end: Checkpoint
    rows: Sequence[Turned]

    def behind(self, place: Place, left: int) -> Sequence[Turned]:
        """Those that come behind a place in the order of steps, and behind all but the last ``left`` of the step there."""
        here = place_of(self.end)
        if here > place:
            return self.rows
        return self.rows[len(self.rows) - left :] if here == place else ()


class Stretch:
    """The steps of a read model that follow each other without a gap, for whoever wants to hear of their rows.

    The newest are kept: those that hold about ``changes_max`` rows, and the last one in any case. ``life`` tells this
    stretch from every other, so that a place in one is not taken for a place in another.
    """

    def __init__(self, read_model: str, subscription: str, *, changes_max: int) -> None:
        self.read_model, self.subscription = read_model, subscription
        self.life = secrets.token_hex(4)
        self.first = 0
        self.ending: Ending | None = None
        self.is_closed = False
        self.news = asyncio.Event()
        self._changes_max = changes_max
        self._rounds: deque[Round] = deque()
        self._count = 0
        self._born: Checkpoint | None = None
        self._end: Checkpoint | None = None
        self._read: Checkpoint | None = None
        self._floor: Place = (0, 0)
        self._doubted: Checkpoint | None = None

    @property
    def born(self) -> Checkpoint | None:
        """Where it begins, as far as anybody knows."""
        return self._born or self._read

    @property
    def end(self) -> Checkpoint | None:
        """Up to where it has come."""
        return self._end or self._read

    @property
    def next(self) -> int:
        """The number of the round that comes next; ``first`` is the first that is kept."""
        return self.first + len(self._rounds)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it has been forgotten."""
        return self.first == 0

    def round(self, number: int) -> Round:
        """One that is kept."""
        return self._rounds[number - self.first]

    def goes_on_behind(self, life: str, place: Place, left: int) -> bool:
        """Whether it knows everything that comes behind a place in it, and behind all but ``left`` rows of the step there.

        What stood in another stretch where this one begins has missed nothing either: the same log makes the same rows.
        """
        if life != self.life:
            return not left and self.is_whole and self.born is not None and place == place_of(self.born)
        return place > self._floor or (place == self._floor and not left)

    def take(self, commit: Commit, rows: Sequence[Turned] | None) -> bool:
        """Go on by a step. False, with nothing done, where it does not begin where this stretch ends."""
        if commit.subscription != self.subscription or not self._follows(commit, is_seen=rows is not None):
            return False
        self._end = commit.end
        if rows:
            self._rounds.append(Round(commit.end, rows))
            self._count += len(rows)
            self._forget()
            self._wake()
        return True

    def read(self, found: Checkpoint | None) -> bool:
        """The database was asked where the read model stands; None: this process does not run it.

        False where nobody here has told of that, for the second time. The first time it may be a step that was seen in the
        database before it was told, or an engine that is started again.
        """
        if self.end is None and found is not None:
            self._read, self._floor = found, place_of(found)
        if found == self.end:
            self._doubted = None
        elif self._doubted == self.end:
            return False
        else:
            self._doubted = self.end
        return True

    def break_off(self, ending: Ending) -> None:
        """Nothing follows that is sure to follow."""
        self.ending = ending
        self._wake()

    def close(self) -> None:
        """Nothing follows."""
        self.is_closed = True
        self._wake()

    def _follows(self, commit: Commit, *, is_seen: bool) -> bool:
        read = self._read
        if self._end is None and (read is None or place_of(commit.end) <= place_of(read)):
            # The first that is told. What was read may have held it already, and must then be come by.
            self._born = commit.start if is_seen else commit.end
            self._floor = place_of(self._born)
        elif commit.start != self.end or not is_seen:
            return False
        if read is not None and place_of(commit.end) >= place_of(read):
            self._read = None
            self._born = self._born or read
            return read in (commit.start, commit.end)
        return True

    def _forget(self) -> None:
        while self._count > self._changes_max and len(self._rounds) > 1:
            oldest = self._rounds.popleft()
            self._count -= len(oldest.rows)
            self._floor = place_of(oldest.end)
            self.first += 1

    def _wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


def place_of(at: Checkpoint) -> Place:
    return at.position, at.epoch
