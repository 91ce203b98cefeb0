"""The engine: keeps subscriptions going through the log, together where they are level, each stopping alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from twofold.errors import NotFoundError, StoreError, StoreRefusedError, TwofoldError
from twofold.messages import Registry
from twofold.store.port import Head, LogReader
from twofold.subscriptions.checkpoint import Checkpoint
from twofold.subscriptions.cohort import Cohort
from twofold.subscriptions.elsewhere import reach_elsewhere
from twofold.subscriptions.lateness import late_by
from twofold.subscriptions.leases import Board
from twofold.subscriptions.member import Member
from twofold.subscriptions.pages import Pages
from twofold.subscriptions.partition import is_gone, whole
from twofold.subscriptions.patience import backoff_seconds, told
from twofold.subscriptions.port import Subscriber
from twofold.subscriptions.roster import call_the_roll, level
from twofold.subscriptions.status import SubscriptionStatus

WATCH_SECONDS = 30.0
"""How long one wait for news may last. It only bounds how long a lost connection goes unnoticed while idle."""


class Engine:
    """Runs the subscriptions of a subscriber.

    ``start`` and ``stop`` run it in the background; without them ``step`` and ``settle`` turn it by hand, and
    ``reach`` watches the checkpoints that another process moves. ``page_max`` (events; it may be set anew at any time) and
    ``page_bytes_max`` bound a page; each cohort of level subscriptions holds at most two pages. ``inline`` names those that appends move themselves,
    as long as they are level; ``moved`` is to be told of it.
    """

    def __init__(
        self,
        log: LogReader,
        registry: Registry,
        subscriber: Subscriber,
        *,
        page_max: int = 2000,
        page_bytes_max: int = 8 << 20,
        backoff: Callable[[int], float] = backoff_seconds,
        inline: Collection[str] = (),
    ) -> None:
        self._log = log
        self._registry = registry
        self._subscriber = subscriber
        self.page_max = page_max
        self._page_bytes_max = page_bytes_max
        self._backoff = backoff
        self._inline = frozenset(inline)
        self._members: dict[str, Member] = {}
        self._cohorts: list[Cohort] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._lost: Callable[[Sequence[Member]], None] | None = None
        self._split: Callable[[], None] = lambda: None
        self._doubts = 0
        self._head = 0

    @property
    def running(self) -> bool:
        """Whether it runs in the background."""
        return bool(self._tasks)

    def follows(self, names: Collection[str]) -> bool:
        """Whether it keeps all these going, undisturbed: nobody else moves them without its finding out."""
        for name in names:
            member = self._members.get(name)
            if member is None or member.error is not None:
                return False
        return bool(self._tasks)

    def moved(self, stands: Mapping[str, Checkpoint]) -> None:
        """Appends of this process have moved these subscriptions."""
        for name, checkpoint in stands.items():
            member = self._members.get(name)
            if member is not None and checkpoint.position > member.position:
                member.advance(checkpoint)

    @property
    def names(self) -> frozenset[str]:
        """The subscriptions that run here, or have stopped here."""
        return frozenset(self._members)

    @property
    def stopped(self) -> frozenset[str]:
        """Those of them that go no further in this process."""
        return frozenset(name for name, member in self._members.items() if member.stopped)

    def share(self, lost: Callable[[], None]) -> None:
        """From now on, give up what another worker has moved, instead of going on from there; ``lost`` hears of it."""

        def given_up(members: Sequence[Member]) -> None:
            self._give_up([member.name for member in members])
            lost()

        self._lost = given_up

    def on_split(self, listener: Callable[[], None]) -> None:
        """Call it when something that ran here is no more, because it has been split into other partitions."""
        self._split = listener

    async def start(self, names: Collection[str] | None = None) -> None:
        """Catch up and follow the log in the background, from where the checkpoints stand: all of them, or these."""
        self._stopping.clear()
        await self._gather(names)
        self._tasks = [asyncio.create_task(self._watch())]
        self._tasks += [asyncio.create_task(self._follow(cohort)) for cohort in self._cohorts]

    async def admit(self) -> None:
        """Take up subscriptions that the subscriber has come to want since the start."""
        if self._members or self._tasks:  # Turned by hand, and not yet: the first step finds them all.
            await self.take_up(self._subscriber.interests)

    async def take_up(self, names: Collection[str]) -> None:
        """Run these too, from where their checkpoints stand."""
        missing = [name for name in names if name not in self._members and name in self._subscriber.interests]
        if not missing:
            return
        called = await self._call(await self._log.head(), missing)
        new = {name: member for name, member in called.items() if name not in self._members}  # Once is enough.
        self._members |= new
        cohorts = self._put_together(new)
        self._cohorts += cohorts
        if self._tasks:
            self._tasks += [asyncio.create_task(self._follow(cohort)) for cohort in cohorts]

    async def give_up(self, names: Collection[str]) -> None:
        """Finish the pages in hand of these, and run them no longer. Whoever waits for one looks at its checkpoint."""
        for member in self._give_up(names):
            await member.gone.wait()

    def _give_up(self, names: Collection[str]) -> list[Member]:
        members = [self._members.pop(name) for name in names if name in self._members]
        for member in members:
            member.give_up()
        for cohort in self._cohorts:
            cohort.sort_out()
        return members

    async def stop(self) -> None:
        """Finish the pages in hand and stop. What has been read beyond them is left to the next start."""
        self._stopping.set()
        for cohort in self._cohorts:
            cohort.news.set()
        if self._tasks:
            self._tasks[0].cancel()  # The watch only waits; there is nothing of it to finish.
        await asyncio.gather(*self._tasks, return_exceptions=True)  # Each has told its members what it met.
        for cohort in self._cohorts:
            await cohort.close()
        self._tasks, self._cohorts, self._members = [], [], {}

    def doubt(self) -> None:
        """Look again before anybody relies on what was seen: a crash may have rewound the subscriber's database."""
        self._doubts += 1
        for member in self._members.values():
            member.doubt = object()
        self._wake_all()

    async def step(self) -> bool:
        """Take one page for each cohort, by hand. Whether there is more to do. Errors of the databases are raised."""
        if not self._members:
            await self._gather()
        await self.take_up(self._subscriber.interests)
        self._learn((await self._log.head()).position)
        for cohort in self._cohorts:
            self._join_the_first(cohort)
        self._cohorts = [cohort for cohort in self._cohorts if cohort.alive]
        for cohort in self._cohorts:
            await cohort.turn(self._head)
        if self._let_go():
            await self.take_up(self._subscriber.interests)
        return any(cohort.alive and not cohort.level_with(self._head) for cohort in self._cohorts)

    async def settle(self, *, timeout_seconds: float = 30.0) -> None:
        """Return when everything is at the head as it is now; ``BehindError`` for what is late or stopped."""
        head = await self._log.head()
        if not self.running:
            await self.look()
            while await self.step():
                pass
        await self.reach(tuple(self._subscriber.interests), head.position, timeout_seconds=timeout_seconds)

    async def reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        """Return when all these subscriptions stand at ``position`` or beyond; ``BehindError`` otherwise.

        Woken by the fold itself where it runs here, by looking at the checkpoints where another process runs it.
        """
        clock = asyncio.get_running_loop().time
        until, doubts = clock() + timeout_seconds, -1
        # All of them first: one that is held while others are waited for was there.
        parts = [part for name in names for part in self._parts(name)]
        while doubts != self._doubts:  # A crash while some were waited for may have rewound those that were there.
            doubts = self._doubts
            await self._reach(parts, position, lambda: max(until - clock(), 0.0))

    async def _reach(self, names: Collection[str], position: int, left: Callable[[], float]) -> None:
        elsewhere = list[str]()
        for name in names:
            member = self._members.get(name)
            if member is None or not await member.reach(position, timeout_seconds=left()):
                elsewhere.append(whole(name))
        if elsewhere:
            head = await self._log.head()
            await reach_elsewhere(self._subscriber, head, elsewhere, position, timeout_seconds=left())

    def _parts(self, name: str) -> Sequence[str]:
        """What there is of a subscription, or of the one that a partition belonged to. ``NotFoundError`` for nothing."""
        if name in self._members:
            return [name]
        found = [each for each in self._subscriber.interests if whole(each) == whole(name)]
        if not found:
            raise NotFoundError("subscription", name, remedy="Add its read model to App(...).")
        return [name] if name in found else found

    def status(self) -> list[SubscriptionStatus]:
        """Every subscription that runs here, by name, against the newest head and the parked keys that were seen."""
        return [self._members[name].status(self._head) for name in sorted(self._members)]

    def error_of(self, name: str) -> TwofoldError | None:
        """What stopped this subscription here, or is being retried."""
        return self._members[name].error

    async def observe(self, board: Board | None = None) -> list[SubscriptionStatus]:
        """The same against the head as it is now, and of what other processes run as far as the ``board`` tells."""
        board = board or Board()
        head = await self._log.head()
        self._learn(head.position)
        with suppress(StoreError):
            await self._subscriber.checkpoints(self.names)  # Whether they are still what they were split into.
        others = await self._look_at_others(head)
        interests = self._subscriber.interests
        members = {name: each for name, each in (self._members | others).items() if not is_gone(name, interests)}
        with suppress(StoreError):  # What is in the way of the read database is in the status already.
            await self._see_parked(members)
        found = [
            others[name].elsewhere(
                head.position, board.leases.get(name), paused=board.is_paused(name), is_inline=name in self._inline
            )
            if name in others
            else members[name].status(head.position)
            for name in sorted(members)
        ]
        return [await late_by(self._log, each, owner=board.holder(each.name)) for each in found]

    async def _look_at_others(self, head: Head) -> dict[str, Member]:
        found: dict[str, Member] = {}
        while names := [each for each in self._subscriber.interests if each not in self._members and each not in found]:
            found |= await call_the_roll(self._log, self._subscriber, head, names, resume=False)
        return found

    async def look(self) -> None:
        """Learn where the log ends, and wake whoever is behind: should news be lost, this is where it is made up for.

        Whoever was fenced, or stands further back than he did, looks where he is: an older generation may serve again.
        """
        self._learn((await self._log.head()).position)
        await self._doubt_the_moved()
        for cohort in self._cohorts:
            if cohort.alive and not cohort.level_with(self._head):
                cohort.news.set()

    async def _doubt_the_moved(self) -> None:
        """Doubt those that stand in another epoch, or further back: the rows may be others."""
        mine = self._members.items()
        seen = {name: each.checkpoint for name, each in mine if not each.stopped and name not in self._inline}
        found = await self._subscriber.checkpoints(seen) if seen else {}
        for name, was in seen.items():
            at, member = found.get(name), self._members.get(name)
            moved = was.position > 0 if at is None else at.epoch != was.epoch or at.position < was.position
            if member is not None and moved:
                member.doubt = object()
                self._wake_all()

    def _wake_all(self) -> None:
        for cohort in self._cohorts:
            cohort.news.set()

    async def _see_parked(self, members: Mapping[str, Member]) -> None:
        found = await self._subscriber.parked(tuple(members))
        for name, member in members.items():
            member.parked = found.get(name, 0)

    def _learn(self, head: int) -> None:
        """The log reaches at least to here. Others learn it too while one waits, so that the newest counts, whoever knew it."""
        self._head = max(self._head, head)

    async def _gather(self, names: Collection[str] | None = None) -> None:
        head = await self._log.head()
        self._head = head.position
        self._members = await self._call(head, tuple(self._subscriber.interests) if names is None else names)
        if names is None and (others := [each for each in self._subscriber.interests if each not in self._members]):
            self._members |= await self._call(head, others)
        self._cohorts = self._put_together(self._members)

    async def _call(self, head: Head, names: Collection[str]) -> dict[str, Member]:
        """Members that may be doubtful from the beginning: because of a crash while they were called."""
        doubts = self._doubts
        members = await call_the_roll(self._log, self._subscriber, head, names, resume=True)
        for member in members.values():
            member.doubt = object() if self._doubts > doubts else None
        return members

    def _put_together(self, members: Mapping[str, Member]) -> list[Cohort]:
        """Cohorts of those who stand level; those that appends move are apart."""
        inline = {name: member for name, member in members.items() if name in self._inline}
        others = {name: member for name, member in members.items() if name not in self._inline}
        found = [Cohort(self._pages(), self._subscriber, each, lost=self._lost) for each in level(others)]
        return found + [Cohort(self._pages(), self._subscriber, each, inline=True) for each in level(inline)]

    def _pages(self) -> Pages:
        return Pages(self._log, self._registry, count_max=lambda: self.page_max, bytes_max=self._page_bytes_max)

    async def _watch(self) -> None:
        """One wait for news serves every cohort."""
        failures = 0
        while not self._stopping.is_set():  # A cancellation is lost where it meets the end of a rest.
            try:
                self._learn(await self._log.wait(self._head, timeout_seconds=WATCH_SECONDS))
                failures = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, each cohort must say it and the watch go on.
                failures += 1
                for cohort in self._cohorts:
                    cohort.retrying(told(error))
                await self._rest(failures)
            for cohort in self._cohorts:
                cohort.news.set()

    async def _follow(self, cohort: Cohort) -> None:
        failures = 0
        while cohort.alive and not self._stopping.is_set() and not self._join_the_first(cohort):
            cohort.news.clear()
            failures = 0 if await self._turn(cohort) else failures + 1
            if failures:
                await self._rest(failures)
            elif cohort.level_with(self._head):
                await cohort.news.wait()
        if not cohort.alive:
            self._cohorts.remove(cohort)
        await cohort.close()

    def _let_go(self) -> bool:
        """Forget whom the cohorts have given up because they are no more. Whether there were any."""
        gone = [name for name, member in self._members.items() if member.given_up]
        for name in gone:
            del self._members[name]
        return bool(gone)

    async def _turn(self, cohort: Cohort) -> bool:
        """One page. False when a database was in the way and the same page is to be tried again."""
        try:
            self._learn(await cohort.turn(self._head))
            if self._let_go():
                self._split()
        except StoreRefusedError as error:
            await cohort.stop(error)
        except StoreError as error:
            cohort.retrying(error)
            return False
        except Exception as error:  # noqa: BLE001 - a bug must show in the status, not die in a task nobody awaits.
            await cohort.stop(told(error))
        return True

    def _join_the_first(self, cohort: Cohort) -> bool:
        """A cohort that has nearly caught up with the foremost one goes on as part of it."""
        alike = [other for other in self._cohorts if other.inline == cohort.inline]
        others = [other for other in alike if other is not cohort and other.alive and cohort.alive]
        first = max(others, key=lambda other: other.position, default=None)
        if first is None or not 0 <= first.position - cohort.position <= self.page_max:
            return False
        first.join(cohort.leave())
        return True

    async def _rest(self, failures: int) -> None:
        """Wait before trying again, or until the engine is stopped."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self._backoff(failures))
