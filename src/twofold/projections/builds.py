"""Rebuilds in a process: what other code has made serves on until this code's rows are there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TypeAlias

import msgspec

from twofold.errors import (
    BehindError,
    OutcomeUnknownError,
    StoreError,
    StoreRefusedError,
    StoreUnavailableError,
    TwofoldError,
)
from twofold.messages import Registry
from twofold.projections.builder import ROWS_MAX
from twofold.projections.deployment import Deployment, Plan
from twofold.projections.filling import Progress
from twofold.projections.generations import Generation, Switch, built_beside
from twofold.projections.group import Group
from twofold.projections.layout import tables_of
from twofold.projections.port import ReadStore, StrongLog
from twofold.projections.projector import Projector
from twofold.projections.rebuild import PAGE_MAX, Rebuild, Tell
from twofold.projections.shares import GAP_MAX
from twofold.projections.takeover import Takeover, exchanged
from twofold.projections.throttle import LAG_MAX_SECONDS, Others, Throttle, nobody_else
from twofold.subscriptions import SubscriptionStatus, Worker
from twofold.subscriptions.partition import hindmost
from twofold.subscriptions.patience import backoff_seconds

Check: TypeAlias = Callable[[Group], Awaitable[None]]
"""Looks at what was built before it serves, and raises what is wrong with it."""


log = logging.getLogger("twofold.projections")

LIVE_SHARES = 4
"""Shares in which a process fills a generation that follows the log too: one after the other, each with a fourth of the rows."""

STRONG_ROWS_MAX = 5_000
"""Rows that a rebuild of strong read models writes at a time: on SQLite appends wait for that."""

LOOK_SECONDS = 1.0
"""How often somebody who waits looks whether another process has built it."""


class Builds:
    """Builds what is planned, one after the other; each read model is followed from the moment it is switched."""

    def __init__(
        self,
        store: StrongLog,
        registry: Registry,
        reads: ReadStore,
        deployment: Deployment,
        projector: Projector,
        worker: Worker,
        *,
        parked_max: int,
        page_max: int = PAGE_MAX,
        rows_max: int = ROWS_MAX,
        lag_max_seconds: float = LAG_MAX_SECONDS,
        others_done: Others = nobody_else,
        gap_max: int = GAP_MAX,
    ) -> None:
        self._gap_max = gap_max
        self._log, self._registry, self._reads = store, registry, reads
        self._deployment, self._projector, self._worker = deployment, projector, worker
        self._page_max, self._rows_max, self._parked_max = page_max, rows_max, parked_max
        self._lag_max_seconds, self._others_done = lag_max_seconds, others_done
        self._held: dict[str, Group] = {}
        self._unreadable: frozenset[str] = frozenset()
        self._waiting: dict[str, str] = {}
        self._turn = asyncio.Lock()
        self._rebuildings: set[Rebuild] = set()
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._one_is_done = asyncio.Event()
        projector.on_superseded(self._keep_off)

    @property
    def waiting(self) -> AbstractSet[str]:
        """What is not followed, because what serves of it was made by other code."""
        return self._waiting.keys()

    @property
    def unreadable(self) -> AbstractSet[str]:
        """What has other columns than this code knows, of what is not followed."""
        return self._unreadable & self._waiting.keys()

    def hold(self, plans: Sequence[Plan]) -> None:
        """Let nobody follow these until they are built."""
        self._held = {plan.group.name: plan.group for plan in plans}
        self._unreadable = frozenset(plan.group.name for plan in plans if plan.is_other)
        self._waiting = {plan.group.name: _why(plan) for plan in plans}
        self._projector.hold(self._waiting)

    def begin(self, plans: Sequence[Plan]) -> None:
        """Build them in the background, but for those that nobody wants."""
        if plans:
            self._task = asyncio.create_task(self._build_all([plan for plan in plans if not plan.is_banned]))
            self.watch()

    def watch(self) -> None:
        """Follow what others build, and this process does not."""
        self._watch = asyncio.create_task(self._look())

    def _keep_off(self, group: Group, error: StoreRefusedError) -> None:
        """Other code serves by now: this process is done with the group until its own does again."""
        self._held[group.name], self._waiting[group.name] = group, f"{error.fact}. {error.remedy}"
        if self._watch is None or self._watch.done():
            self.watch()
        self._worker.nudge()

    async def done(self) -> None:
        """Return when everything that was planned is built, or could not be; what others build, when it serves."""
        if (task := self._task or self._watch) is not None:
            await asyncio.shield(task)

    async def stop(self) -> None:
        """Write what is in memory, and leave the rest to the next start."""
        tasks = [task for task in (self._task, self._watch) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = self._watch = None

    async def observe(self, head: int) -> list[SubscriptionStatus]:
        """What is not followed here: where it stands, and what it waits for."""
        reached = await self._reads.checkpoints(self.waiting) if self._waiting else {}
        found = []
        for name, why in list(self._waiting.items()):
            last = hindmost(reached, name)
            at = last.position if last is not None else 0
            parked = await self._reads.parked([each.name for each in self._held[name].projections])
            found.append(SubscriptionStatus(name, "held", at, head, head - at, error=why, parked=len(parked)))
        return found

    async def reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        """Return when none of these is still to be built, as long as somebody builds here; ``BehindError`` otherwise.

        What serves of them until then was made by other code, and nobody moves it.
        """
        started = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self._task is not None and not self._task.done() and not self._waiting.keys().isdisjoint(names):
                    await self._one_is_done.wait()
        for name in names:
            if name in self._waiting and not await self._is_served(name) and name in self._waiting:
                waited = round(time.monotonic() - started, 3)
                raise BehindError(name, position=0, wanted=position, waited_seconds=waited, reason=self._waiting[name])

    async def build(
        self, plan: Plan, *, switch: bool = True, tell: Tell = lambda progress: None, check: Check | None = None
    ) -> Generation:
        """Build a generation, or go on with it; ``check`` it, and let it take the place of the one that serves.

        Raises the ``FoldError`` of an event that no key can be parked for, what ``check`` raises, ``StoreRefusedError``
        for a build that is cancelled meanwhile or whose place another one takes, and the databases' errors.
        """
        # In this order: whoever waits for what another process builds keeps nobody here from building, nor another there.
        async with self._worker.building(plan.group.name), self._turn:
            return await self._built(plan, switch=switch, tell=tell, check=check)

    async def _built(self, plan: Plan, *, switch: bool, tell: Tell, check: Check | None) -> Generation:
        plan = await self._deployment.plan(plan.group)  # What serves may be another one since it was planned.
        generation = await self._deployment.begin(plan)
        async with self._rebuilding(plan.group, generation, tell) as rebuild:
            await rebuild.share(await self._shares())
            await rebuild.catch_up()
            if check is not None:
                await self._checked(rebuild, check)
            if not switch:
                return generation
            old = await rebuild.switch(plan.old)
        await self._release(plan.group.name)
        await self._deployment.tidy(plan.group, keep=old)
        return msgspec.structs.replace(generation, state="active")

    async def _shares(self) -> int:
        """One for each process; beside live folds several in any case, so that what is written of each is little."""
        return max(1 + await self._worker.others(), LIVE_SHARES if self._worker.running else 1)

    async def help(self, name: str) -> None:
        """Do what can be done of the build of this code that another process leads, unless this one builds something too."""
        begun = await self._deployment.begun(name) if not self._turn.locked() else None
        if begun is not None:
            async with self._rebuilding(*begun, lambda progress: None) as rebuild:
                await rebuild.help()

    async def take_back(self, change: Switch) -> bool:
        """Let a generation serve again that did before; False where something else serves by now."""
        strong = any(table.strong for table in tables_of(change.made))
        return await (exchanged(self._log, change) if strong else self._reads.switch(change))

    @asynccontextmanager
    async def _rebuilding(self, group: Group, generation: Generation, tell: Tell) -> AsyncGenerator[Rebuild]:
        rebuild = self._rebuild(group, generation, tell)
        self._rebuildings.add(rebuild)
        try:
            yield rebuild
        finally:
            self._rebuildings.discard(rebuild)
            await rebuild.close()

    def _rebuild(self, group: Group, generation: Generation, tell: Tell) -> Rebuild:
        beside = built_beside(group, generation.number)
        throttle = Throttle(
            self._look_at_those_that_serve,
            others_done=self._others_done,
            lag_max_seconds=self._lag_max_seconds,
            clock=asyncio.get_running_loop().time,
        )
        return Rebuild(
            self._log,
            self._registry,
            self._reads,
            group,
            generation,
            page_max=self._page_max,
            rows_max=min(STRONG_ROWS_MAX, self._rows_max) if group.strong else self._rows_max,
            parked_max=self._parked_max,
            tell=tell,
            brake=throttle,
            is_busy=throttle.is_busy,
            take_over=Takeover(self._log, self._registry, beside) if group.strong else None,
            hold=self._worker.holding,
            gap_max=self._gap_max,
        )

    async def _checked(self, rebuild: Rebuild, check: Check) -> None:
        try:
            await check(rebuild.beside)
        except StoreRefusedError:
            # Others that build it too may have let it serve: then its tables have other names.
            if not await rebuild.is_over():
                raise

    async def _look_at_those_that_serve(self) -> tuple[int, Mapping[str, int]]:
        """Where the log ends, and where they stand, whichever process moves them."""
        found = await self._reads.checkpoints(self._projector.interests)
        head = await self._log.head()
        return head.position, {name: checkpoint.position for name, checkpoint in found.items()}

    def doubt(self) -> None:
        """Look again before anything is relied upon that was seen: a crash may have rewound the read database."""
        for rebuild in self._rebuildings:
            rebuild.doubt()

    async def _build_all(self, plans: Sequence[Plan]) -> None:
        for plan in plans:
            try:
                await self._build_at_last(plan)
            except TwofoldError as error:
                self._waiting[plan.group.name] = _said(plan, f"could not be built: {error}")
                log.exception("%s", self._waiting[plan.group.name])
            self._one_is_done.set()
            self._one_is_done = asyncio.Event()

    async def _build_at_last(self, plan: Plan) -> None:
        """Build it, again and again while a database is away."""
        for failures in count(1):
            try:
                await self._build(plan)
                return
            except (StoreUnavailableError, OutcomeUnknownError) as error:
                self._waiting[plan.group.name] = _said(plan, f"is built again soon: {error}")
                await asyncio.sleep(backoff_seconds(failures))

    async def _build(self, plan: Plan) -> None:
        """As planned, unless another process has done so, or does so at this moment."""
        name = plan.group.name

        def tell(progress: Progress) -> None:
            self._waiting[name] = _said(plan, _percent(progress))

        async with self._worker.building(name), self._turn:
            if not await self._is_served(name):
                await self._built(plan, switch=True, tell=tell, check=None)
        log.info("%s", _said(plan, "serves"))

    async def _look(self) -> None:
        """Others build too: what they switch to, if it is of the same code, is followed here."""
        while self._waiting:
            await asyncio.sleep(LOOK_SECONDS)
            for name in list(self._waiting):
                with suppress(StoreError):  # It is there again next time, or whoever asks is told.
                    await self._is_served(name)

    async def _is_served(self, name: str) -> bool:
        """Whether this code's rows serve by now."""
        if not await self._deployment.serves(self._held[name]):
            return False
        await self._release(name)
        return True

    async def _release(self, name: str) -> None:
        self._waiting.pop(name, None)
        self._projector.release(name)
        await self._worker.admit(name)


def _why(plan: Plan) -> str:
    if plan.is_banned:
        again = f"twofold projections rebuild {plan.group.name} builds it anew"
        how = "rolled back" if plan.found == "rejected" else "cancelled"
        return (
            f"what this code makes of {plan.group.name} was {how}, and generation {plan.old} serves as it is; {again}"
        )
    return _said(plan, "is to be built")


def _said(plan: Plan, what: str) -> str:
    return f"generation {plan.number} of {plan.group.name} {what}"


def _percent(progress: Progress) -> str:
    share = 100 * progress.position // progress.head if progress.head else 100
    return f"is being built ({share} %)"
