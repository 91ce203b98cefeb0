"""A simulated process: what an app is made of, as it is put together there, at the end of lines to the databases."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.simulation.clocks import WallClock
from tests.simulation.doors import BuildDoor, ReadDoor
from tests.simulation.leases import LeaseDoor
from tests.simulation.log import LogDoor
from tests.simulation.loop import HOST, Host
from tests.simulation.machine import Machine
from tests.simulation.read_models import PARTS, groups
from tests.simulation.watch import By
from twofold.deciders.handling import Handling
from twofold.deciders.states import States
from twofold.errors import StoreError
from twofold.projections import Inline, Projector, groups_of
from twofold.projections.builds import Builds
from twofold.projections.dead_letters import DeadLetters
from twofold.projections.deployment import Deployment, Plan, code_of
from twofold.projections.group import Group
from twofold.projections.laggards import Laggards
from twofold.projections.port import ReadStore
from twofold.projections.repartitioning import Arranging, Repartitioning
from twofold.projections.rollout import Rollout
from twofold.store.appender import Appender
from twofold.subscriptions import Engine, Wish, Worker

if TYPE_CHECKING:
    from tests.simulation.world import World

LEASE_LOOKS = 2
PARKED_MAX = 1000


class Process(Host):
    """One life of a machine."""

    def __init__(self, world: World, machine: Machine) -> None:
        super().__init__(machine.name)
        machine.lives += 1
        self.machine, self.code = machine, machine.code
        self.is_up = False
        self._world, self._noticed = world, world.rewinds
        self.clock = world.wall_clocks.setdefault(machine.name, WallClock(world.loop.time))
        parts, by = PARTS[self.code.name], By(self.code.name)
        self.registry, self._decisions = parts.registry, parts.decisions
        projections = [each for each in parts.projections if each.subscription in machine.knows]
        self._sql = [each for each in parts.sql_projections if each.name in machine.knows]
        self._projections, self.groups = projections, groups(self.code.name, tuple(machine.knows))
        self._strong = [group for group in self.groups if group.strong]
        self._line, log_line = (world.line(machine.name, machine.quick) for _ in range(2))
        self.log = LogDoor(world.databases.log, log_line, by)
        tables = [each.table for each in projections]
        self.reads = ReadDoor(world.databases, self._line, log_line, by, tables)
        building = BuildDoor(world.databases, self._line, log_line, by, tables)
        self.leases = LeaseDoor(world.databases.leases, self._line)
        self._projector = Projector(
            self.reads,
            projections,
            groups=[*self.groups, *groups_of((), self._sql)],
            rows_max=machine.rows_max,
            parked_max=PARKED_MAX,
            watches_code=True,
        )
        self.deployment = Deployment(self.reads, self.groups)
        self.letters = DeadLetters(self.log, self.registry, self.reads, projections)
        self.engine = Engine(
            self.log,
            self.registry,
            self._projector,
            page_max=machine.page_max,
            inline=[group.name for group in self._strong],
        )
        self.worker = Worker(
            self.engine,
            self.leases,
            lambda: self._projector.interests,
            shared=machine.mode == "shared",
            codes={group.name: code_of(group) for group in self.groups},
            build=self._build,
            help=lambda name: self.builds.help(name),
            id=f"{machine.name}.{machine.lives}",
            lease_seconds=LEASE_LOOKS * machine.looks,
            look_seconds=machine.looks,
        )
        self.builds = Builds(
            self.log,
            self.registry,
            building,
            self.deployment,
            self._projector,
            self.worker,
            parked_max=PARKED_MAX,
            page_max=machine.page_max,
            rows_max=machine.hoard_max,
            gap_max=machine.gap_max,
        )
        self.rollout = Rollout(
            self.log,
            self.reads,
            self.registry,
            self.deployment,
            self.builds,
            self.groups,
            sample=_no_sample,
            taken_back=self.engine.doubt,
        )
        self.laggards = Laggards(self.log, self.reads, self.builds, reach=self.reach)
        self.arranging = Arranging(
            Repartitioning(self.log, self.registry, self.reads, projector=self._projector_of),
            self.reads,
            self.groups,
            besides=lambda: self.builds.waiting,
            arranged=self.worker.nudge,
        )
        self.reads.on_loss(self.engine.doubt)
        self.reads.on_loss(self.builds.doubt)
        self.appender = Appender(self.log, halves=machine.clients > 1)
        self.handling: Handling | None = None
        self._turn = asyncio.Lock()

    @property
    def sees_reads(self) -> bool:
        """Whether it has noticed every crash of the read models' database: before that, it cannot be asked either."""
        return self._noticed == self._world.rewinds

    async def start(self) -> None:
        """Start, again and again if need be."""
        while not self.is_up:
            try:
                await self._start()
            except StoreError:
                await self._stop()
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop as it should be done. What is appended by then is appended."""
        self.is_up = False
        async with self._turn:
            await self.appender.close()
            await self._stop()

    async def restart(self) -> None:
        """Stop what follows the log, and start it again."""
        async with self._turn:
            if self.worker.running:
                await self.worker.stop()
                await self._start_again()

    async def _start_again(self) -> None:
        while self.is_up and not self.worker.running:
            with suppress(StoreError):
                await self.worker.start()

    async def reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        """Return when questions find these read models at ``position`` or beyond; ``BehindError`` otherwise."""
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_seconds
        while not self.builds.waiting.isdisjoint(names):
            await self.builds.reach(names, position, timeout_seconds=max(until - clock(), 0.0))
        await self.engine.reach(names, position, timeout_seconds=max(until - clock(), 0.0))

    async def ask(self, names: Collection[str], *, timeout_seconds: float) -> None:
        """Return when questions to these may be answered; ``BehindError`` otherwise."""
        if late := self.laggards.names.intersection(names):
            await self.laggards.catch_up(late, timeout_seconds=timeout_seconds)

    def stumble(self) -> None:
        """One of its connections to the database of read models is about to fail, and another one to be slow."""
        self._line.stumble()

    def lose_reads(self) -> None:
        """The database of read models has crashed; what was seen of it may be no more."""
        self._line.cut()
        context = contextvars.Context()
        context.run(HOST.set, self)
        self._world.loop.call_soon(self._notice, self._world.rewinds, context=context)

    def _notice(self, rewinds: int) -> None:
        self._noticed = rewinds
        self.reads.lose()
        self._line.mend()

    async def _start(self) -> None:
        head = await self.log.head()
        self.handling = Handling(
            self._decisions,
            states=States(self.log, self.registry),
            appender=self.appender,
            store=self.log,
            registry=self.registry,
            clock=self.clock,
            head=head,
        )
        plans = await self.deployment.plans()
        while not await self._deployed(plans):
            plans = await self.deployment.plans()
        if self._strong:
            inline = Inline(
                self._strong,
                self.registry,
                head,
                moved=self.engine.moved,
                left=self.laggards.left,
                gap_max=self._world.gap_max,
            )
            self.log.carry(inline, [group.name for group in self._strong])
            self.laggards.add([group.name for group in self._strong])
            await self.laggards.look()
        if self.machine.mode != "none":
            await self.arranging.arrange()
            await self.worker.start()
            await self._begin(plans)
            self.arranging.begin()
        self.is_up = True

    async def _deployed(self, plans: Sequence[Plan]) -> bool:
        self.builds.hold(plans)
        left = {each.name for plan in plans if plan.is_other for each in plan.group.projections}
        await self.reads.install([self.deployment.table(each) for each in self._projections], leave=left)
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
                await self.leases.wish(Wish(plan.group.name, "rebuild", code_of(plan.group)))
                self.worker.nudge()
        if plans:
            self.builds.watch()

    async def _build(self, wish: Wish) -> None:
        await self.rollout.rebuild(wish.name, switch=wish.verb == "rebuild")

    def _projector_of(self, group: Group) -> Projector:
        """One for a single subscription, that remembers nothing."""
        return Projector(self.reads, group.projections, groups=[group], parked_max=PARKED_MAX, watches_code=True)

    async def _stop(self) -> None:
        await self.arranging.stop()
        await self.builds.stop()
        await self.worker.stop()


def _no_sample() -> ReadStore:
    raise NotImplementedError
