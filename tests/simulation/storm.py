"""What befalls the machines of a simulated world, and what operators do to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from tests.simulation.clients import Clients
from tests.simulation.facts import WrongError, must
from tests.simulation.machine import Machine
from tests.simulation.process import Process
from tests.simulation.read_models import CODES, MENDED, Code
from tests.simulation.tracks import STRONG
from tests.simulation.world import World
from twofold.errors import ConflictError, FoldError, NotFoundError, StoreError, StoreRefusedError

CALLS_OF_A_SWITCH = 30
"""About so many calls go to the databases from the wish to let a generation serve until it does."""

USUAL = ("cancelled", "switched")
"""Why an operator may be refused what he wants of generations: others have done something else meanwhile."""


class Fleet:
    """The processes of a world, one for each machine, and what may happen to them."""

    def __init__(self, world: World, machines: list[Machine]) -> None:
        self._world, self._chance = world, world.chance
        self.processes: list[Process] = []
        self._clients: dict[Process, Clients] = {}
        self._busy: dict[Process, list[asyncio.Task[None]]] = {}
        for machine in machines:
            self.processes.append(self._begun(machine))

    @property
    def is_up(self) -> bool:
        return all(process.is_up for process in self.processes)

    @property
    def is_quiet(self) -> bool:
        """Whether no operator waits for anything any more."""
        return all(task.done() for process in self.processes for task in self._busy[process])

    def _begun(self, machine: Machine) -> Process:
        process = Process(self._world, machine)
        self._clients[process], self._busy[process] = Clients(self._world, process), []
        self._world.spawn(process, self._live(process))
        return process

    async def _live(self, process: Process) -> None:
        await process.start()
        self._clients[process].begin()

    async def mended(self, work: Coroutine[Any, Any, object]) -> None:
        """Do it where the folds can take what is bad."""
        MENDED.set(True)
        await work

    def operate(self, process: Process, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Somebody does something with the code of this process, and takes it as it comes."""
        self._busy[process].append(self._world.spawn(process, self._operated(process, work)))

    async def _operated(self, process: Process, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await work()
        except StoreRefusedError as error:
            if error.reason not in USUAL:
                raise WrongError(f"an operator was told: {error}") from error
        except FoldError as error:
            must(error.read_model.startswith("purse"), f"an operator was told: {error}")
            self._world.tell(process.name, "a strong read model cannot take it", error)
        except (StoreError, ConflictError, NotFoundError) as error:
            self._world.tell(process.name, "an operator was told", error)

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        self._world.loop.call_later(self._chance.random() * seconds, work)

    # What may happen to a machine, or to a database.

    def crash(self, process: Process) -> None:
        """It vanishes in the middle of whatever it does. Others are asked for what it left undone; it starts anew."""
        process.dead = True
        self._world.orders.extend(self._clients[process].orders)
        place = self.processes.index(process)
        later = Process(self._world, process.machine)
        self._clients[later], self._busy[later] = Clients(self._world, later), []
        self.processes[place] = later
        self.later(0.5, lambda: self._world.spawn(later, self._live(later)))

    def pause(self, process: Process) -> None:
        """It stands still, and does not know of it."""
        if not process.halted and not process.dead:
            process.halted = True
            seconds = self._chance.choice([1.5, 1.5, 10.0])
            self.later(seconds, lambda: self._world.loop.wake(process))

    def restart(self, process: Process) -> None:
        """What follows the log is stopped as it should be, and started again."""
        if process.is_up:
            self.operate(process, process.restart)

    def deploy(self, process: Process) -> None:
        """It is stopped as it should be, and other code takes its place."""
        self.replace(process, self._chance.choice(CODES))

    def repartition(self, process: Process) -> None:
        """Code takes its place that folds the same, and may want other partitions."""
        alike = [code for code in CODES if (code.twist, code.takes_bad) == (process.code.twist, process.code.takes_bad)]
        self.replace(process, self._chance.choice(alike))

    def replace(self, process: Process, code: Code) -> None:
        """Let it stop, and start with this code."""
        if process.is_up:
            process.is_up = False
            self.operate(process, lambda: self._replaced(process, code))

    async def _replaced(self, process: Process, code: Code) -> None:
        await self._clients[process].leave()
        await process.stop()
        process.machine.code = code
        self.processes[self.processes.index(process)] = self._begun(process.machine)

    def stumble(self, process: Process) -> None:
        """Of what it does at once with the database of read models, one thing fails, and another goes on."""
        process.stumble()

    def rewind(self, process: Process) -> None:
        """The database of read models crashes, for all who are connected to it."""
        self._world.rewind()
        for each in self.processes:
            each.lose_reads()

    def set_clock(self, process: Process) -> None:
        """Somebody sets the clock of the databases, or that of a machine, by minutes."""
        clock = self._chance.choice([self._world.clock, process.clock])
        clock.jump(self._chance.choice([-1, 1]) * self._chance.uniform(30.0, 600.0))

    # What operators do.

    def retry(self, process: Process) -> None:
        """Somebody has mended the code, and lets parked keys go."""
        self.operate(process, lambda: self._retry(process, skip_reason=None))

    def skip(self, process: Process) -> None:
        """Somebody leaves out the event that a key was parked for."""
        self.operate(process, lambda: self._retry(process, skip_reason="it is bad"))

    async def _retry_soon(self, process: Process) -> None:
        await asyncio.sleep(self._chance.random() * CALLS_OF_A_SWITCH * process.machine.quick)
        await self._retry(process, skip_reason=None)

    async def _retry(self, process: Process, skip_reason: str | None) -> None:
        for parked in await process.letters.parked():
            with suppress(NotFoundError):
                await self.mended(process.letters.retry(parked, skip_reason=skip_reason))

    def mend_and_switch(self, process: Process) -> None:
        """Somebody lets parked keys go while another lets a generation serve in place of theirs."""
        if process.is_up:
            others = [each for each in self.processes if each.code.twist != process.code.twist]
            other = self._chance.choice(others or self.processes)
            self.operate(process, lambda: self._switch_beside(process, other))

    async def _switch_beside(self, process: Process, other: Process) -> None:
        parked = await process.letters.parked()
        for name in sorted({each.read_model for each in parked}.intersection(process.rollout.names)):
            await process.rollout.rebuild(name, switch=False)
            self.operate(other, lambda: self._retry_soon(other))
            await process.rollout.switch(name)

    def rebuild(self, process: Process) -> None:
        """Somebody has a read model built anew, and lets it serve or wait."""
        self._on_some_group(process, self._rebuild)

    def rebuild_strong(self, process: Process) -> None:
        """Somebody has a strong read model built anew, while others append."""
        if process.is_up and (names := sorted(STRONG.keys() & process.rollout.names)):
            name = self._chance.choice(names)
            self.operate(process, lambda: self._rebuild(process, name))

    def switch(self, process: Process) -> None:
        """Somebody lets serve what was built to wait."""
        self._on_some_group(process, lambda process, name: process.rollout.switch(name))

    def rollback(self, process: Process) -> None:
        """Somebody wants back what served before."""
        self._on_some_group(process, lambda process, name: process.rollout.rollback(name))

    def cancel(self, process: Process) -> None:
        """Somebody gives up what is being built."""
        self._on_some_group(process, lambda process, name: process.rollout.cancel(name))

    async def _rebuild(self, process: Process, name: str) -> None:
        switch, verify = self._chance.random() < 0.7, self._chance.random() < 0.3
        generation = await process.rollout.rebuild(name, switch=switch, verify=verify)
        if generation.state == "active" and process.sees_reads:
            self._world.oracle.served(generation)

    def _on_some_group(self, process: Process, verb: Callable[[Process, str], Coroutine[Any, Any, object]]) -> None:
        if process.is_up and process.rollout.names:
            name = self._chance.choice(process.rollout.names)
            self.operate(process, lambda: verb(process, name))


Action: TypeAlias = Callable[[Fleet, Process], None]
ABOUT_PARTITIONS: Sequence[Action] = (Fleet.set_clock, Fleet.crash, Fleet.pause, Fleet.repartition, Fleet.repartition)
"""What befalls those who share partitions."""

STORMS: Sequence[Sequence[Action]] = (
    (),
    (Fleet.crash, Fleet.pause, Fleet.restart, Fleet.rewind),
    (Fleet.retry, Fleet.skip, Fleet.rewind, Fleet.pause),
    (Fleet.retry, Fleet.skip, Fleet.rebuild, Fleet.rewind),
    (Fleet.mend_and_switch,),
    (Fleet.stumble,),
    (Fleet.rebuild, Fleet.rebuild_strong, Fleet.rewind),
    (Fleet.rebuild, Fleet.rewind, Fleet.crash, Fleet.pause),
    (Fleet.rebuild, Fleet.switch, Fleet.rollback, Fleet.cancel),
    (Fleet.rebuild, Fleet.rollback, Fleet.deploy),
    (Fleet.deploy, Fleet.pause, Fleet.rewind, Fleet.crash),
    ABOUT_PARTITIONS,
    (
        Fleet.crash,
        Fleet.pause,
        Fleet.restart,
        Fleet.deploy,
        Fleet.rewind,
        Fleet.retry,
        Fleet.skip,
        Fleet.rebuild,
        Fleet.switch,
        Fleet.rollback,
        Fleet.cancel,
        Fleet.set_clock,
    ),
)
"""What befalls machines, and what operators do, in one storm or another: what comes often together is found soon."""

__all__ = ["ABOUT_PARTITIONS", "STORMS", "Fleet"]
