"""What exists while an app runs: its rooms open, everything put together over them, and the tasks in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress

from twofold.config import parse_places
from twofold.deciders.handling import Handling
from twofold.deciders.history import History
from twofold.deciders.states import States
from twofold.errors import BehindError, StoreError
from twofold.parts import Parts
from twofold.projections import (
    Audience,
    DeadLetters,
    Inline,
    Projector,
    Rewinding,
    RowFeed,
    Verifier,
    groups_of,
)
from twofold.projections.builds import Builds
from twofold.projections.control import Control
from twofold.projections.deployment import Deployment, Plan, code_of
from twofold.projections.laggards import Laggards
from twofold.projections.repartitioning import Arranging, Repartitioning
from twofold.projections.rollout import Rollout, rebuilt
from twofold.queries import Desk, Moments, Sources, TableChanges
from twofold.rooms import Rooms, rooms_for
from twofold.settings import Settings
from twofold.store.appender import Appender
from twofold.store.port import Head
from twofold.subscriptions import Engine, SubscriptionStatus, Wish, Worker, reach_elsewhere
from twofold.subscriptions.partition import whole
from twofold.subscriptions.worker import building_of
from twofold.work import Work

log = logging.getLogger("twofold.app")

DRAIN_SECONDS = 30.0
"""How long a stop waits for commands and questions under way. What is appended by then is appended."""


class Live:
    """What exists while an app runs."""

    def __init__(self, parts: Parts, settings: Settings, rooms: Rooms) -> None:
        self.parts, self.settings, self.rooms = parts, settings, rooms
        self.work = Work()
        self.groups = groups_of(parts.projections, parts.sql_projections)
        self.strong = [group for group in self.groups if group.strong]
        # A transaction that is held open while rows are folded costs by the flush: then large ones are better than two in turn.
        self.appender = Appender(rooms.log, halves=rooms.is_server and not self.strong)
        self.states = States(rooms.log, parts.registry, rooms.snapshots, states_max=settings.states_max)
        self.history = History(self.states, rooms.log, parts.registry)
        changes, self.moments = TableChanges(), Moments(rooms.log)
        self.audience = Audience(changes.tell, changes_max=settings.changes_max)
        bounds = settings.bounds
        projector = Projector(
            rooms.reads,
            parts.projections,
            groups=self.groups,
            audience=self.audience,
            rows_max=bounds.rows_max,
            parked_max=settings.parked_max,
            watches_code=True,
        )
        self.deployment = Deployment(rooms.reads, self.groups)
        told, projections = self.audience, parts.projections
        self.dead_letters = DeadLetters(rooms.log, parts.registry, rooms.reads, projections, audience=told)
        self.rewinding = Rewinding(rooms.log, rooms.reads, self.groups, audience=told)
        self.verifier = Verifier(rooms.log, parts.registry, rooms.reads, self.groups, audience=told)
        self.feed = RowFeed(rooms.log, rooms.reads, self.groups, told, folds=self._folds)
        inline = [group.name for group in self.strong]
        self.engine = Engine(rooms.log, parts.registry, projector, page_max=bounds.page_max, inline=inline)
        self.worker = Worker(
            self.engine,
            rooms.leases,
            lambda: projector.interests,
            shared=settings.background == "shared",
            codes={group.name: code_of(group) for group in self.groups},
            build=self._build,
            help=lambda name: self.builds.help(name),
            lease_seconds=settings.lease_seconds,
        )
        self.control = Control(
            rooms.log,
            parts.registry,
            rooms.leases,
            self.groups,
            projector=self._projector_of,
            reach=self.reach,
            nudge=self.worker.nudge,
        )
        self.builds = Builds(
            rooms.log,
            parts.registry,
            rooms.reads,
            self.deployment,
            projector,
            self.worker,
            page_max=bounds.build_page_max,
            rows_max=bounds.build_rows_max,
            parked_max=settings.parked_max,
            lag_max_seconds=settings.lag_max_seconds,
            others_done=self.work.done,
        )
        self.arranging = Arranging(
            Repartitioning(
                rooms.log, parts.registry, rooms.reads, projector=lambda group: self._projector_of(group.name)
            ),
            rooms.reads,
            self.groups,
            besides=lambda: self.builds.waiting,
            arranged=self.worker.nudge,
        )
        self.laggards = Laggards(rooms.log, rooms.asked, self.builds, reach=self.reach)
        self.rollout = Rollout(
            rooms.log,
            rooms.reads,
            parts.registry,
            self.deployment,
            self.builds,
            self.groups,
            sample=lambda: rooms_for(parse_places("sqlite://"), migrate=True).reads,
            taken_back=self.engine.doubt,  # What serves stands further back now, and is to be followed from there.
        )
        rooms.reads.on_loss(self._doubt)
        self.desk = Desk(
            Sources(rooms.asked, parts.projections, parts.sql_projections, self, self.moments),
            parts.answerers,
            changes,
            work=self.work,
            answers_max=settings.answers_max,
            slow_seconds=settings.slow_seconds,
        )
        self.head: Head
        self.handling: Handling

    async def open(self) -> None:
        await self.rooms.open()
        self.head = await self.rooms.log.head()
        self.moments.begin(self.head)
        self.feed.begin(self.head)
        self.handling = Handling(
            self.parts.decisions,
            states=self.states,
            appender=self.appender,
            store=self.rooms.log,
            registry=self.parts.registry,
            clock=self.settings.clock,
            head=self.head,
            attempts_max=self.settings.attempts_max,
        )
        tables = [projection.table for projection in self.parts.projections]
        self.rooms.asked.know(tables)
        self.rooms.reads.know(tables)
        plans = await self._planned()
        while not await self._deployed(plans):  # Another process, perhaps of other code, started at the same time.
            plans = await self._planned()
        if self.strong:
            inline = Inline(
                self.strong,
                self.parts.registry,
                self.head,
                moved=self.engine.moved,
                audience=self.audience,
                left=self.laggards.left,
            )
            self.rooms.log.carry(inline)
            self.laggards.add([group.name for group in self.strong])
            await self.laggards.look()
        if self.settings.background and (self.parts.projections or self.parts.sql_projections):
            await self.arranging.arrange()
            await self.worker.start()
            await self._begin(plans)
            self.arranging.begin()

    async def _planned(self) -> Sequence[Plan]:
        return self._wanted(await self.deployment.plans())

    async def _deployed(self, plans: Sequence[Plan]) -> bool:
        """Make the tables that are missing, and note that they are of this code. False where others were faster."""
        self.builds.hold(plans)
        left = {plan.group.name for plan in plans if plan.is_other}
        await self.rooms.reads.install(
            [self.deployment.table(projection) for projection in self.parts.projections],
            [each.layout for each in self.parts.sql_projections if each.name not in left],
            leave={table for group in self.groups if group.name in left for table in group.tables},
        )
        return await self.deployment.note(
            [group.name for group in self.groups if group.name not in self.builds.waiting]
        )

    async def _begin(self, plans: Sequence[Plan]) -> None:
        """Build what is to be built: here, or where workers share, by whoever of them takes it first."""
        if not self.worker.shared:
            self.builds.begin(plans)
            return
        for plan in plans:
            if not plan.is_banned and not await self.rollout.is_followed(plan.group.name):
                await self.control.wish_rebuild(plan.group.name, code_of(plan.group), switch=True)
        if plans:
            self.builds.watch()

    async def _build(self, wish: Wish) -> None:
        """Build what an operator, or a deployment, has wished for."""
        await self.rollout.rebuild(wish.name, switch=wish.verb == "rebuild")

    def _projector_of(self, name: str) -> Projector:
        """One for a single subscription, that remembers nothing."""
        groups = [group for group in self.groups if group.name == name]
        return Projector(
            self.rooms.reads,
            [each for group in groups for each in group.projections],
            groups=groups,
            audience=self.audience,
            parked_max=self.settings.parked_max,
            watches_code=True,
        )

    async def status(self) -> list[SubscriptionStatus]:
        """What runs here and elsewhere, what is held, and which generations serve and are built."""
        board = None
        with suppress(StoreError):  # What is in the way of the read database is in the status already.
            board = await self.rooms.leases.board()
        followed = await self.engine.observe(board)
        held = await self.builds.observe((await self.rooms.log.head()).position)
        followed = [each for each in followed if each.name not in self.builds.waiting]  # It is about to give them up.
        found = sorted([*followed, *held], key=lambda each: each.name)
        if board is None:
            return found
        standings = await self.rollout.standings()
        return [
            rebuilt(each, standings.get(whole(each.name)), is_built=board.holder(building_of(each.name)) is not None)
            for each in found
        ]

    def _wanted(self, plans: Sequence[Plan]) -> Sequence[Plan]:
        """What is built, or at least not gone on with. Where builds wait to be asked for, the rest is gone on with."""
        if self.settings.rebuild == "auto":
            return plans
        for plan in plans:
            if not plan.is_other and not plan.is_banned:
                log.warning(
                    "The folds of %(name)s have changed, and go on over the rows that others made; "
                    "twofold projections rebuild %(name)s builds it anew",
                    {"name": plan.group.name},
                )
        return [plan for plan in plans if plan.is_banned]

    def _doubt(self) -> None:
        self.engine.doubt()
        self.builds.doubt()

    async def reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        """Return when questions find these read models at ``position`` or beyond; ``BehindError`` otherwise."""
        try:
            await self._reach(list(dict.fromkeys(map(whole, names))), position, timeout_seconds=timeout_seconds)
        except BehindError as error:
            with suppress(StoreError):  # Then nobody can say more than that it is late.
                raise await self.control.explained(error) from error
            raise

    async def _reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_seconds
        while not self.builds.waiting.isdisjoint(names):
            await self.builds.reach(names, position, timeout_seconds=max(until - clock(), 0.0))
        beside = self.rooms.asked is self.rooms.reads
        if beside or self.engine.running:  # It knows at once of one that has stopped, and wakes whoever waits.
            await self.engine.reach(names, position, timeout_seconds=max(until - clock(), 0.0))
        if not beside:
            left = max(until - clock(), 0.0)
            await reach_elsewhere(self.rooms.asked, self.head, names, position, timeout_seconds=left)

    @property
    def behind(self) -> Collection[str]:
        """Strong subscriptions that questions wait for."""
        return self.laggards.names

    async def catch_up(self, names: AbstractSet[str], *, timeout_seconds: float) -> None:
        """Return when these strong subscriptions hold the log as it is now."""
        await self.laggards.catch_up(names, timeout_seconds=timeout_seconds)

    async def begin_again(self, name: str) -> None:
        """Fill a subscription again whose log is another one now."""
        accepted = await self.rewinding.accept(name)
        self.laggards.add([group.name for group in self.strong if group.name == accepted])
        if self.worker.running:  # It has stopped there, and looks at checkpoints when it starts.
            await self.worker.stop()
            await self.worker.start()

    def _folds(self, name: str) -> bool:
        """Whether this process changes the rows of a subscription: its engine does, or its appends."""
        return name in self.engine.names or any(group.name == name for group in self.strong)

    def tells(self, names: Collection[str]) -> bool:
        """Whether each change of rows that questions find is told here: by this engine, over the database it writes."""
        strong = {group.name for group in self.strong}  # These are changed by the appends of other processes too.
        return self.rooms.asked is self.rooms.reads and strong.isdisjoint(names) and self.engine.follows(names)

    async def close(self) -> None:
        try:
            self.desk.close()
            await self.work.done(DRAIN_SECONDS)
            await self.appender.close()
            await self.arranging.stop()
            await self.builds.stop()
            await self.worker.stop()
        finally:
            await self.feed.close()
            await self.rooms.close()
