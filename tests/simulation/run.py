"""One run: a storm over some machines, then calm, in which everything must come right."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Any

import msgspec

from tests.simulation.clients import command
from tests.simulation.facts import WrongError
from tests.simulation.machine import machines
from tests.simulation.network import Weather
from tests.simulation.process import Process
from tests.simulation.read_models import LAST, NEW, ODD, OLD, WIDE
from tests.simulation.storm import ABOUT_PARTITIONS, STORMS, Fleet
from tests.simulation.tracks import STRONG
from tests.simulation.world import Order, World
from twofold.errors import BehindError, NotFoundError

CALM_SECONDS = 300.0
BEGINS = (0.0, 0.0, 0.5, 1.5)
"""How many seconds go by before anything befalls anybody: then there is something that can be built anew."""
PACES = (0.03, 0.15, 0.5)
"""How many seconds lie between what befalls machines, about."""


class Failure(msgspec.Struct, frozen=True):
    """A seed whose run went wrong, why, and the end of its trace."""

    seed: int
    why: str
    trace: list[str]

    def __str__(self) -> str:
        return "\n".join(
            [*self.trace[-60:], "", f"seed {self.seed}: {self.why}", f"again: python -m tests.simulation {self.seed}"]
        )


@contextmanager
def silence() -> Generator[None]:
    """Nothing is logged: what goes wrong is planned here, and shown by the trace."""
    logger = logging.getLogger("twofold")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@silence()
def run(seed: int) -> World:
    """The world after a run. Raises what went wrong."""
    world = World(seed)
    world.loop.run(Run(world).all())
    return world


def failure(seed: int, *, deploys: bool = True) -> Failure | None:
    """What goes wrong with a seed; None if nothing does. Without the last deployment, a run ends with the calm before it."""
    if (why := fault(seed, deploys=deploys)) is None:
        return None
    world = World(seed)  # Once more: only now is it worth a record.
    _fault(world, deploys)
    return Failure(seed, why, world.trace)


def fault(seed: int, *, deploys: bool = True) -> str | None:
    """Why a seed goes wrong, in a line; None if it does not."""
    return _fault(World(seed, traced=False), deploys)


@silence()
def _fault(world: World, deploys: bool) -> str | None:
    try:
        world.loop.run(Run(world).all(deploys=deploys))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding.
        return f"{type(error).__name__}: {error}"
    return None


class Run:
    """The storm and the calm of one world."""

    def __init__(self, world: World) -> None:
        self._world, self._chance = world, world.chance
        chance = world.chance
        self._machines = machines(chance)
        slow, refused, lost = (chance.choice([0, 0, 0.02, 0.1, 0.3]) for _ in range(3))
        self._weather = Weather(slow=slow, refused=refused, lost=lost)
        self._starts_well = chance.random() < 0.7
        self._actions, self._pace, self._begins = chance.choice(STORMS), chance.choice(PACES), chance.choice(BEGINS)
        bad, count = chance.choice([0, 0.1, 0.4]), chance.choice([5, 15, 30])
        if Fleet.mend_and_switch in self._actions:  # Then there is something to mend, and other code to switch to.
            bad, count = 0.4, 30
            for machine, code in zip(self._machines, cycle([OLD, NEW]), strict=False):
                machine.code = code
        if self._actions is ABOUT_PARTITIONS:  # Then there are several who share them, and much to do.
            count = 30
            for machine in self._machines:
                machine.mode, machine.code = "shared", chance.choice([OLD, WIDE, ODD])
        world.may_rewind = Fleet.rewind in self._actions
        for number in range(count):
            world.orders.append(Order(f"c{number}", command(chance, bad)))
        world.open_orders = len(world.orders)

    async def all(self, *, deploys: bool = True) -> None:
        self._world.remember()
        self._fleet = Fleet(self._world, self._machines)
        if self._starts_well:  # In the worst weather nobody would be up before it is over.
            await self._ends(self._until(lambda: self._fleet.is_up), "one never starts")
        self._world.weather.turn(self._weather)
        await self._storm()
        self._calm()
        await self._ends(self._until(lambda: not self._world.open_orders), "commands wait for ever")
        await self._ends(self._until(lambda: self._fleet.is_up and self._fleet.is_quiet), "one never starts")
        await self._settle_down()
        self._world.oracle.look()
        if not deploys:
            return
        await self._ends(self._deploy_the_last(), "the last code is never deployed")
        await self._ends(self._all_of_the_last(), "some is never built by the last code")
        await self._settle()
        await self._retry_all()
        await self._settle()
        self._world.oracle.finish(LAST)

    async def _storm(self) -> None:
        await asyncio.sleep(self._begins)
        for _ in range(self._chance.randint(4, 20) if self._actions else 0):
            if self._chance.random() < 0.7:  # Often one thing comes on top of another.
                await asyncio.sleep(self._chance.expovariate(1) * self._pace)
            action, process = self._chance.choice(self._actions), self._chance.choice(self._fleet.processes)
            self._world.tell(process.name, action.__name__)
            if self._chance.random() < 0.5:
                self._world.remember()
            action(self._fleet, process)

    def _calm(self) -> None:
        self._world.tell("", "the storm is over")
        self._world.may_rewind = False
        self._world.weather.turn(Weather())
        self._world.clock.come_up()
        for process in self._fleet.processes:
            self._world.loop.wake(process)

    async def _settle_down(self) -> None:
        """Whoever follows what serves does all up to the head, when he has found out what serves."""
        await asyncio.sleep(2 * max(machine.looks for machine in self._machines))
        self._world.oracle.calm_down()
        head = self._world.oracle.facts.head
        for process in self._fleet.processes:
            await self._reach_what_it_follows(process, head)

    async def _reach_what_it_follows(self, process: Process, head: int) -> None:
        """Of what other code lets serve meanwhile, only this process is too late."""
        names = [name for name in process.machine.knows if await self._can_follow(process, name)]
        try:
            await process.reach(names, head, timeout_seconds=CALM_SECONDS)
        except BehindError:
            if all([await self._can_follow(process, name) for name in names]):
                raise
            await self._reach_what_it_follows(process, head)
        else:
            self._world.oracle.reached(names, head)

    async def _can_follow(self, process: Process, name: str) -> bool:
        """Whether a process runs a subscription, and its code is the one to do so."""
        if process.machine.mode == "none":
            return False
        if name in STRONG and not self._world.oracle.strong.can_follow(name, process.code):
            return False
        groups = [group for group in process.groups if group.name == name]
        return all([await process.deployment.serves(group) for group in groups])

    async def _deploy_the_last(self) -> None:
        """Once more, where old code was just about to switch what it had built when the last came: now there is none."""
        await self._deploy_everywhere()
        await asyncio.sleep(2 * max(machine.looks for machine in self._machines))
        if any(process.builds.waiting for process in self._fleet.processes):
            await self._deploy_everywhere()

    async def _deploy_everywhere(self) -> None:
        for process in list(self._fleet.processes):
            self._fleet.replace(process, LAST)
        await self._until(lambda: self._fleet.is_up and self._fleet.is_quiet)

    async def _all_of_the_last(self) -> None:
        """What nobody builds of itself, because it was rejected or cancelled, is asked for; what waits is given up."""
        for process in self._fleet.processes:
            for group in process.groups:
                while (await process.deployment.plan(group)).is_banned:
                    await process.rollout.rebuild(group.name)
        await self._until(lambda: not any(self._waits(process) for process in self._fleet.processes))
        for process in self._fleet.processes:
            for name in process.rollout.names:
                with suppress(NotFoundError):
                    await process.rollout.cancel(name)
        await self._until(lambda: self._world.oracle.tracks.is_arranged(LAST))

    def _waits(self, process: Process) -> bool:
        return process.machine.mode != "none" and bool(process.builds.waiting)

    async def _settle(self) -> None:
        """Everybody says that all has been done up to the head."""
        head = self._world.oracle.facts.head
        for process in self._fleet.processes:
            await process.reach(process.machine.knows, head, timeout_seconds=CALM_SECONDS)
            self._world.oracle.reached(process.machine.knows, head)

    async def _retry_all(self) -> None:
        for process in self._fleet.processes:
            while parked := await process.letters.parked():
                with suppress(NotFoundError):  # Somebody else is still at it.
                    await self._fleet.mended(process.letters.retry(parked[0]))

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await asyncio.sleep(0.05)

    async def _ends(self, work: Coroutine[Any, Any, None], otherwise: str) -> None:
        try:
            await asyncio.wait_for(work, CALM_SECONDS)
        except TimeoutError:
            raise WrongError(otherwise) from None


__all__ = ["Failure", "failure", "fault", "run"]
