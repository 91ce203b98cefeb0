"""One subscription while it is run: where it stands, how it fares, and who waits for it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import msgspec

from twofold.errors import BehindError, TwofoldError
from twofold.subscriptions.checkpoint import Checkpoint
from twofold.subscriptions.leases import Lease
from twofold.subscriptions.note import Note, note_of
from twofold.subscriptions.status import STALLED_SECONDS, Meter, State, SubscriptionStatus


class Member:
    """A subscription of an engine. ``error`` is what stopped it (``stopped``) or what is being retried.

    ``noted`` is what stopped it before, as it was found beside its checkpoint. While there is a ``doubt`` it may stand
    further back than it seems: each doubt is an object of its own, so that whoever has looked removes only those before.
    ``parked`` is how many of its keys were parked when somebody last looked. One that is ``given_up`` is run no longer
    here, and is ``gone`` when its last page is done.
    """

    def __init__(self, name: str, types: frozenset[str], checkpoint: Checkpoint, *, noted: Note | None = None) -> None:
        self.name = name
        self.types = types
        self.checkpoint = checkpoint
        self.noted = noted
        self.doubt: object | None = None
        self.error: TwofoldError | None = None
        self.stopped = False
        self.parked = 0
        self.given_up = False
        self.gone = asyncio.Event()
        self._behind_since: float | None = None
        self._void = False
        self._meter = Meter()
        self._waiting: dict[asyncio.Future[None], int] = {}

    @property
    def position(self) -> int:
        return self.checkpoint.position

    def advance(self, checkpoint: Checkpoint) -> None:
        """Stand at this checkpoint, and wake whoever waits for what it holds."""
        self._meter.add(checkpoint.position - self.position)
        self._behind_since = None
        self.checkpoint = checkpoint
        self.error = None
        if self.doubt is None:
            self._wake(checkpoint.position)

    def stop(self, error: TwofoldError, *, void: bool = False) -> None:
        """Go no further in this process. Whoever waits is told at once.

        ``void`` says that what it has is not of this log at all, so that there is no position it has reached.
        """
        self.stopped = True
        self._void = void
        self.error = error
        self.gone.set()  # No cohort has it any more.
        self._wake(None)

    def give_up(self) -> None:
        """Another worker is to run it. Whoever waits must look there."""
        self.given_up = True
        self._wake(None)

    async def reach(self, position: int, *, timeout_seconds: float) -> bool:
        """Return as soon as it stands at ``position`` or beyond; ``BehindError`` when it is late or has stopped.

        False as soon as it is given up: then another worker moves it.
        """
        clock = asyncio.get_running_loop().time
        started = clock()
        left = timeout_seconds
        while not (self._has(position) or self.stopped or self.given_up):
            await self._wait(position, left)
            # Again where a doubt has come between the word that it is there and whoever waited for that.
            if (left := started + timeout_seconds - clock()) <= 0:
                break
        if self.given_up and not self._has(position):
            return False
        if not self._has(position):
            raise BehindError(
                self.name,
                position=0 if self._void else self.position,
                wanted=position,
                waited_seconds=round(clock() - started, 3),
                reason=self._why(),
                remedy=self.error.remedy if self.error and self.stopped else "",  # Nobody waits for one that stopped.
            )
        return True

    def status(self, head: int) -> SubscriptionStatus:
        """How it fares here."""
        return self._status(head, self._state(head), note_of(self.error, self.position) if self.error else None)

    def elsewhere(self, head: int, lease: Lease | None, *, paused: bool, is_inline: bool = False) -> SubscriptionStatus:
        """How it fares in whatever process runs it, as that said last. Each append runs what is inline."""
        if self.stopped or (is_inline and self.position >= head):
            return self.status(head)
        if self.noted is not None and self.noted.position == self.position:
            return self._status(head, "stopped", self.noted)
        if lease is None or not lease.is_held:
            return self._status(head, "paused" if paused else "unattended", None)
        moves = lease.state in ("running", "catching up")  # Which of them, is known here better than when it was said.
        late: State = "catching up" if head > self.position else "running"
        found = self._status(head, late if moves else lease.state, None)
        return msgspec.structs.replace(found, rate=round(lease.rate, 1), error=lease.error)

    def _status(self, head: int, state: State, note: Note | None) -> SubscriptionStatus:
        return SubscriptionStatus(
            name=self.name,
            state=state,
            position=self.position,
            head=max(head, self.position),
            lag=max(head - self.position, 0),
            rate=round(self._meter.rate, 1),
            error=note.message if note else None,
            facts=note.values if note else None,
            parked=self.parked,
        )

    def _why(self) -> str:
        """Why it is late, where that is more than time."""
        if self.error is not None:
            return f"{'stopped' if self.stopped else 'retrying'}: {self.error.fact}"
        return "" if self.doubt is None else "where it stands is being looked at again"

    def _has(self, position: int) -> bool:
        return self.position >= position and not self._void and self.doubt is None

    def _state(self, head: int) -> State:
        if self.error is not None:
            return "stopped" if self.stopped else "retrying"
        if head <= self.position:
            self._behind_since = None
            return "running"
        now = time.monotonic()
        self._behind_since = self._behind_since or now
        return "stalled" if now - self._behind_since >= STALLED_SECONDS else "catching up"

    async def _wait(self, position: int, timeout_seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = position
        try:
            with suppress(TimeoutError):  # reach() says how late it is.
                async with asyncio.timeout(timeout_seconds):
                    await future
        finally:
            self._waiting.pop(future, None)

    def _wake(self, reached: int | None) -> None:
        for future in [each for each, position in self._waiting.items() if reached is None or position <= reached]:
            del self._waiting[future]
            if not future.done():
                future.set_result(None)
