"""One run: a storm over some machines, then calm, in which everything must come right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from random import Random
from typing import Any, TypeAlias

import msgspec

from tests.simulation.domain import MENDED, Close, Deposit, Open, Rename, Transfer, Withdraw
from tests.simulation.oracle import SUBSCRIPTIONS, WrongError
from tests.simulation.process import Machine, Process
from tests.simulation.world import Order, World
from twofold.errors import NotFoundError, TwofoldError
from twofold.messages import Command

CALM_SECONDS = 300.0


class Failure(msgspec.Struct, frozen=True):
    """A seed whose run went wrong, why, and the end of its trace."""

    seed: int
    why: str
    trace: list[str]

    def __str__(self) -> str:
        return "\n".join(
            [*self.trace[-40:], "", f"seed {self.seed}: {self.why}", f"again: python -m tests.simulation {self.seed}"]
        )


def run(seed: int) -> World:
    """The world after a run. Raises what went wrong."""
    world = World(seed)
    world.loop.run(Run(world).all())
    return world


def failure(seed: int) -> Failure | None:
    """What goes wrong with a seed; None if nothing does."""
    world = World(seed)
    try:
        world.loop.run(Run(world).all())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding.
        return Failure(seed, f"{type(error).__name__}: {error}", world.trace)
    return None


class Run:
    """The machines of a world, and what befalls them."""

    def __init__(self, world: World) -> None:
        self._world, self._chance = world, world.chance
        chance = world.chance
        page_max = chance.choice([1, 2, 3, 5, 10, 100])
        self._processes = [
            Process(
                world,
                Machine(
                    f"machine{number}",
                    runs=runs,
                    page_max=page_max,
                    rows_max=chance.choice([0, 20, 1000]),
                    clients=chance.randint(1, 3),
                    reads_after=chance.choice([0.2, 1.0]),
                    quick=chance.choice([0.001, 0.003, 0.02]),
                ),
            )
            for number, runs in enumerate(_shared_out(chance, chance.randint(1, 3)))
        ]
        weather = world.weather
        weather.slow, weather.refused, weather.lost = (chance.choice([0, 0, 0.02, 0.1]) for _ in range(3))
        self._actions = [action for action in ACTIONS if chance.random() < 0.5]
        bad = chance.choice([0, 0.1, 0.4])
        for number in range(chance.choice([5, 15, 30])):
            world.orders.append(Order(f"c{number}", command(chance, bad)))
        world.open_orders = len(world.orders)

    async def all(self) -> None:
        for process in self._processes:
            self._world.spawn(process, process.live())
        await self._storm()
        self._calm()
        await self._ends(self._until(lambda: not self._world.open_orders), "commands wait for ever")
        await self._ends(self._until(lambda: all(process.is_up for process in self._processes)), "one never starts")
        await self._settle()
        await self._retry_all()
        await self._settle()
        self._world.oracle.finish()

    async def _storm(self) -> None:
        self._world.remember()
        for _ in range(self._chance.randint(0, 12) if self._actions else 0):
            await asyncio.sleep(self._chance.expovariate(1) * 0.15)
            action = self._chance.choice(self._actions)
            process = self._chance.choice(self._processes)
            self._world.tell(process.name, action.__name__.strip("_"))
            if self._chance.random() < 0.5:
                self._world.remember()
            action(self, process)

    def _calm(self) -> None:
        self._world.tell("", "the storm is over")
        self._world.weather.clear()
        for process in self._processes:
            self._world.loop.wake(process)

    async def _settle(self) -> None:
        """Everybody says that all has been done up to the head."""
        head = len(self._world.log.rows)
        for process in self._processes:
            await process.engine.reach(process.machine.knows, head, timeout_seconds=CALM_SECONDS)
            self._world.oracle.reached(process.machine.knows, head)

    async def _retry_all(self) -> None:
        letters = self._processes[0].letters
        while parked := await letters.parked():
            with suppress(NotFoundError):  # Somebody else is still at it.
                await self._mended(letters.retry(parked[0]))

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await asyncio.sleep(0.05)

    async def _ends(self, work: Coroutine[Any, Any, None], otherwise: str) -> None:
        try:
            await asyncio.wait_for(work, CALM_SECONDS)
        except TimeoutError:
            raise WrongError(otherwise) from None

    async def _mended(self, work: Coroutine[Any, Any, Any]) -> None:
        MENDED.set(True)
        await work

    # What may happen to a machine, or to a database.

    def _crash(self, process: Process) -> None:
        """It vanishes in the middle of whatever it does. Others are asked for what it left undone; it starts anew."""
        process.dead = True
        self._world.orders.extend(process.orders)
        later = Process(self._world, process.machine)
        self._processes[self._processes.index(process)] = later
        self._later(0.5, lambda: self._world.spawn(later, later.live()))

    def _pause(self, process: Process) -> None:
        """It stands still, and does not know of it."""
        if not process.halted and not process.dead:
            process.halted = True
            self._later(1.5, lambda: self._world.loop.wake(process))

    def _restart(self, process: Process) -> None:
        """It is stopped as it should be, and started again."""
        if process.is_up:
            self._world.spawn(process, process.restart())

    def _retry(self, process: Process) -> None:
        """Somebody has mended the code, and lets parked keys go."""

        async def work() -> None:
            with suppress(TwofoldError):
                for parked in await process.letters.parked():
                    await self._mended(process.letters.retry(parked))

        self._world.spawn(process, work())

    def _skip(self, process: Process) -> None:
        """Somebody leaves out the event that a key was parked for."""

        async def work() -> None:
            with suppress(TwofoldError):
                for parked in await process.letters.parked():
                    await self._mended(process.letters.retry(parked, skip_reason="it is bad"))

        self._world.spawn(process, work())

    def _rewind(self, process: Process) -> None:
        """The database of read models crashes, for all who are connected to it."""
        self._world.rewind()
        for each in self._processes:
            each.lose_reads()

    def _later(self, seconds: float, work: Callable[[], object]) -> None:
        self._world.loop.call_later(self._chance.random() * seconds, work)


Action: TypeAlias = Callable[[Run, Process], None]
ACTIONS: list[Action] = [Run._crash, Run._pause, Run._restart, Run._retry, Run._skip, Run._rewind]
"""What may befall a machine. Later ones (a lease taken over, a rebuild) join here."""


def _shared_out(chance: Random, machines: int) -> list[Sequence[str]]:
    """What each machine runs: everything, nothing, or some. What no other runs, the first does."""
    some = (tuple(name for name in SUBSCRIPTIONS if chance.random() < 0.5) for _ in range(machines - 1))
    others = [chance.choice([SUBSCRIPTIONS, (), each]) for each in some]
    left = tuple(name for name in SUBSCRIPTIONS if chance.random() < 0.5 or not any(name in each for each in others))
    return [chance.choice([SUBSCRIPTIONS, left]), *others]


def command(chance: Random, bad_share: float) -> Command:
    """Something that a client might want."""
    one, other = chance.sample(["1", "2", "3"], 2)
    bad = chance.random() < bad_share
    commands: list[Callable[[], Command]] = [
        lambda: Open(account_id=one, owner=chance.choice("xy")),
        lambda: Open(account_id=one, owner=chance.choice("xy")),
        lambda: Deposit(account_id=one, amount=chance.randint(1, 9), bad=bad),
        lambda: Deposit(account_id=one, amount=chance.randint(1, 9), bad=bad),
        lambda: Withdraw(account_id=one, amount=chance.randint(1, 9)),
        lambda: Transfer(source_id=one, target_id=other, amount=chance.randint(1, 9)),
        lambda: Close(account_id=one),
        lambda: Rename(owner_id=chance.choice("xy"), name=chance.choice("abc"), bad=bad),
        lambda: Rename(owner_id=chance.choice("xy"), name=chance.choice("abc"), bad=bad),
    ]
    return chance.choice(commands)()


__all__ = ["ACTIONS", "Failure", "failure", "run"]
