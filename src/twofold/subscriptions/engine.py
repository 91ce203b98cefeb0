"""The engine: keeps subscriptions going through the log, together where they are level, each stopping alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from twofold.errors import NotFoundError, StoreError, StoreRefusedError, TwofoldError
from twofold.messages import Registry
from twofold.store.port import EventStore, Head
from twofold.subscriptions.checkpoint import Checkpoint
from twofold.subscriptions.cohort import Cohort
from twofold.subscriptions.elsewhere import reach_elsewhere
from twofold.subscriptions.member import Member
from twofold.subscriptions.pages import Pages
from twofold.subscriptions.patience import backoff_seconds, told
from twofold.subscriptions.port import Subscriber
from twofold.subscriptions.roster import call_the_roll, level
from twofold.subscriptions.status import SubscriptionStatus

WATCH_SECONDS = 30.0
"""How long one wait for news may last. It only bounds how long a lost connection goes unnoticed while idle."""


class Engine:
    """Runs the subscriptions of a subscriber.

    ``start`` and ``stop`` run it in the background; without them ``step`` and ``settle`` turn it by hand, and
    ``reach`` watches the checkpoints that another process moves. ``page_max`` (events) and ``page_bytes_max`` bound a
    page; each cohort of level subscriptions holds at most two pages. ``inline`` names those that appends move themselves,
    as long as they are level; ``moved`` is to be told of it.
    """

    def __init__(
        self,
        log: EventStore,
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
        self._page_max = page_max
        self._page_bytes_max = page_bytes_max
        self._backoff = backoff
        self._inline = frozenset(inline)
        self._members: dict[str, Member] = {}
        self._cohorts: list[Cohort] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
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

    async def start(self) -> None:
        """Catch up and follow the log in the background, from where the checkpoints stand."""
        self._stopping.clear()
        await self._gather()
        self._tasks = [asyncio.create_task(self._watch())]
        self._tasks += [asyncio.create_task(self._follow(cohort)) for cohort in self._cohorts]

    async def admit(self) -> None:
        """Take up subscriptions that the subscriber has come to want since the start."""
        if not self._members and not self._tasks:
            return  # Turned by hand, and not yet: the first step finds them all.
        new = await self._call(await self._log.head(), besides=self._members)
        self._members |= new
        cohorts = [Cohort(self._pages(), self._subscriber, members) for members in level(new)]
        self._cohorts += cohorts
        if self._tasks:
            self._tasks += [asyncio.create_task(self._follow(cohort)) for cohort in cohorts]

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
        for cohort in self._cohorts:
            cohort.news.set()

    async def step(self) -> bool:
        """Take one page for each cohort, by hand. Whether there is more to do. Errors of the databases are raised."""
        if not self._members:
            await self._gather()
        self._learn((await self._log.head()).position)
        for cohort in self._cohorts:
            self._join_the_first(cohort)
        self._cohorts = [cohort for cohort in self._cohorts if cohort.alive]
        for cohort in self._cohorts:
            await cohort.turn(self._head)
        return any(cohort.alive and not cohort.level_with(self._head) for cohort in self._cohorts)

    async def settle(self, *, timeout_seconds: float = 30.0) -> None:
        """Return when everything is at the head as it is now; ``BehindError`` for what is late or stopped."""
        head = await self._log.head()
        if not self.running:
            while await self.step():
                pass
        await self.reach(tuple(self._members), head.position, timeout_seconds=timeout_seconds)

    async def reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        """Return when all these subscriptions stand at ``position`` or beyond; ``BehindError`` otherwise.

        Woken by the fold itself when it runs here, by looking at the checkpoints when another process runs it.
        """
        if not self._members:
            head = await self._log.head()
            await reach_elsewhere(self._subscriber, head, names, position, timeout_seconds=timeout_seconds)
            return
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_seconds
        for name in names:
            if name not in self._members:
                raise NotFoundError("subscription", name, remedy="Add its read model to App(...).")
            await self._members[name].reach(position, timeout_seconds=max(until - clock(), 0.0))

    def status(self) -> list[SubscriptionStatus]:
        """Every subscription that runs here, by name, against the newest head and the parked keys that were seen."""
        return [self._members[name].status(self._head) for name in sorted(self._members)]

    def error_of(self, name: str) -> TwofoldError | None:
        """What stopped this subscription here, or is being retried."""
        return self._members[name].error

    async def observe(self) -> list[SubscriptionStatus]:
        """The same against the head as it is now, also of what other processes run."""
        head = await self._log.head()
        self._learn(head.position)
        if self._members:
            with suppress(StoreError):  # What is in the way of the read database is in the status already.
                await self._see_parked(self._members)
            return self.status()
        members = await call_the_roll(self._log, self._subscriber, head, resume=False)
        await self._see_parked(members)
        return [members[name].elsewhere(head.position, is_inline=name in self._inline) for name in sorted(members)]

    async def _see_parked(self, members: Mapping[str, Member]) -> None:
        found = await self._subscriber.parked(tuple(members))
        for name, member in members.items():
            member.parked = found.get(name, 0)

    def _learn(self, head: int) -> None:
        """The log reaches at least to here. Others learn it too while one waits, so that the newest counts, whoever knew it."""
        self._head = max(self._head, head)

    async def _gather(self) -> None:
        head = await self._log.head()
        self._head = head.position
        self._members = await self._call(head)
        inline = {name: member for name, member in self._members.items() if name in self._inline}
        others = {name: member for name, member in self._members.items() if name not in self._inline}
        self._cohorts = [Cohort(self._pages(), self._subscriber, members) for members in level(others)]
        self._cohorts += [Cohort(self._pages(), self._subscriber, each, inline=True) for each in level(inline)]

    async def _call(self, head: Head, besides: Collection[str] = ()) -> dict[str, Member]:
        """Members that may be doubtful from the beginning: because of a crash while they were called."""
        doubts = self._doubts
        members = await call_the_roll(self._log, self._subscriber, head, resume=True, besides=besides)
        for member in members.values():
            member.doubt = object() if self._doubts > doubts else None
        return members

    def _pages(self) -> Pages:
        return Pages(self._log, self._registry, count_max=self._page_max, bytes_max=self._page_bytes_max)

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

    async def _turn(self, cohort: Cohort) -> bool:
        """One page. False when a database was in the way and the same page is to be tried again."""
        try:
            self._learn(await cohort.turn(self._head))
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
        if first is None or not 0 <= first.position - cohort.position <= self._page_max:
            return False
        first.join(cohort.leave())
        return True

    async def _rest(self, failures: int) -> None:
        """Wait before trying again, or until the engine is stopped."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self._backoff(failures))
