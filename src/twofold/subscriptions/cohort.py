"""Subscriptions that go through the log together: one read and one decode of each page serves them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from twofold.errors import StoreError, TwofoldError
from twofold.messages import Event, Recorded
from twofold.subscriptions.checkpoint import Checkpoint
from twofold.subscriptions.halves import narrowed
from twofold.subscriptions.member import Member
from twofold.subscriptions.note import note_of
from twofold.subscriptions.pages import Batch, Pages
from twofold.subscriptions.partition import is_gone
from twofold.subscriptions.port import Advanced, Delivery, Fenced, Stopped, Subscriber


class Cohort:
    """Members that are level, or nearly: each takes from a page only what lies beyond its own checkpoint.

    Those that are ``inline`` are moved by appends, and only have to catch up where an append was made without them.
    With ``lost`` a member that another worker has moved is given up, and told there; without, it goes on from there.
    """

    def __init__(
        self,
        pages: Pages,
        subscriber: Subscriber,
        members: Iterable[Member],
        *,
        inline: bool = False,
        lost: Callable[[Sequence[Member]], None] | None = None,
    ) -> None:
        self.members = list(members)
        self.inline = inline
        self.news = asyncio.Event()
        self._pages = pages
        self._subscriber = subscriber
        self._joining: list[Member] = []
        self._lost = lost
        self._turning = False

    @property
    def position(self) -> int:
        """Where the hindmost member stands: the next page begins after it."""
        return min(member.position for member in [*self.members, *self._joining])

    @property
    def alive(self) -> bool:
        return bool(self.members or self._joining)

    def level_with(self, head: int) -> bool:
        """Whether there is nothing to read for now."""
        return self.alive and self.position >= head

    def join(self, members: Iterable[Member]) -> None:
        """Let others go along, from the next page on."""
        self._joining += members
        self.news.set()

    def leave(self) -> list[Member]:
        """Everybody goes; the cohort is over."""
        members = [*self.members, *self._joining]
        self.members, self._joining = [], []
        return members

    def sort_out(self) -> None:
        """Let those go that were given up; while a page is under way, when it is done."""
        if self._turning:
            return
        for member in [*self.members, *self._joining]:
            if member.given_up:
                member.gone.set()
        self.members = [member for member in self.members if not member.given_up]
        self._joining = [member for member in self._joining if not member.given_up]
        self.news.set()

    async def turn(self, head: int) -> int:
        """Take one page to its end. Returns the position up to which the log is now known."""
        self._turning = True
        try:
            return await self._take_a_page(head)
        finally:
            self._turning = False
            if any(member.given_up for member in [*self.members, *self._joining]):
                self.sort_out()

    async def _take_a_page(self, head: int) -> int:
        self.members += self._joining
        self._joining = []
        await self._look_again([member for member in self.members if member.doubt is not None])
        if self.inline and await self._was_moved_to(head):
            return head
        batch = await self._pages.after(self.position, frozenset().union(*(member.types for member in self.members)))
        if any(member.doubt is not None for member in self.members):
            # A crash while that was read: whoever delivered now could load rows from before his start.
            return batch.reached
        behind = [member for member in self.members if member.position < batch.reached]
        if behind:
            await self._deliver(behind, batch)
        for member in self.members:
            member.error = None
        return batch.reached

    async def stop(self, error: TwofoldError) -> None:
        """Stop every member for one reason. All of them first: whoever waits for one must not wait for ever, whatever a note meets."""
        members = self.leave()
        for member in members:
            member.stop(error)
        for member in members:
            with suppress(StoreError):  # It may be the read database itself that refuses; here it is known anyway.
                await self._subscriber.note(member.name, note_of(error, member.position))

    def retrying(self, error: TwofoldError) -> None:
        """Say on every member what is in the way for now."""
        for member in self.members:
            member.error = error

    async def close(self) -> None:
        await self._pages.close()

    async def _deliver(self, members: list[Member], batch: Batch) -> None:
        deliveries = _deliveries(members, batch)
        outcomes = await self._subscriber.deliver(deliveries)
        fenced: list[Member] = []
        stopped: list[tuple[Member, Stopped]] = []
        for member, delivery, outcome in zip(members, deliveries, outcomes, strict=True):
            match await narrowed(self._subscriber, delivery, outcome):
                case Advanced():
                    member.advance(delivery.end)
                case Fenced():
                    fenced.append(member)
                case Stopped(checkpoint) as end:
                    member.advance(checkpoint)
                    stopped.append((member, end))
        try:
            await self._note(stopped)
        finally:
            self.members = [member for member in self.members if not member.stopped]
        if fenced and self._lost is not None and not self.inline:
            self._lost(fenced)
        elif fenced:
            await self._follow_others(fenced)

    async def _look_again(self, members: list[Member]) -> None:
        """Stand where the database does after a crash, and remember nothing of what it has lost."""
        doubts = [member.doubt for member in members]
        found = await self._subscriber.resume([member.name for member in members]) if members else {}
        for member, doubt in zip(members, doubts, strict=True):
            if member.doubt is doubt:
                member.doubt = None
            self._go_on_from(member, found.get(member.name))

    async def _note(self, stopped: list[tuple[Member, Stopped]]) -> None:
        """Keep why some stopped, and that others go on. Members stop last: what fails here is done again."""
        for member, end in stopped:
            if not end.here:
                await self._subscriber.note(member.name, note_of(end.error, member.position))
            member.stop(end.error)
        for member in self.members:
            if member.noted is not None and member.position > member.noted.position:
                await self._subscriber.note(member.name, None)
                member.noted = None

    async def _was_moved_to(self, head: int) -> bool:
        """Whether appends have moved everybody here: in this process, which is told, or in others."""
        if not self.level_with(head):
            await self._follow_others(self.members)
        return self.level_with(head)

    async def _follow_others(self, members: list[Member]) -> None:
        """Another worker was faster: go on from where it has come to."""
        found = await self._subscriber.resume([member.name for member in members])
        for member in members:
            self._go_on_from(member, found.get(member.name))

    def _go_on_from(self, member: Member, checkpoint: Checkpoint | None) -> None:
        """Let it stand there, or go, if it has been split in another way."""
        if is_gone(member.name, self._subscriber.interests):
            member.give_up()
        else:
            member.advance(checkpoint or _before_everything(member.checkpoint))


def _deliveries(members: list[Member], batch: Batch) -> list[Delivery]:
    """Each member's share of a page, sorted out in one pass by the name of the event's type."""
    shares: list[list[Recorded[Event]]] = [[] for _ in members]
    takers: dict[str, list[tuple[int, list[Recorded[Event]]]]] = {}
    for member, share in zip(members, shares, strict=True):
        for type in member.types:
            takers.setdefault(type, []).append((member.position, share))
    for event in batch.events:
        for position, share in takers.get(event.type, ()):
            if event.position > position:
                share.append(event)
    return [
        Delivery(member.name, member.checkpoint, member.checkpoint.moved(batch.reached, share), share)
        for member, share in zip(members, shares, strict=True)
    ]


def _before_everything(checkpoint: Checkpoint) -> Checkpoint:
    """Where a subscription stands whose checkpoint was removed under way: it begins again."""
    return Checkpoint(0, checkpoint.store_id, checkpoint.log_epoch)
