"""A simulated process: the real engine and the real handling of commands, at the end of lines to the databases."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from tests.simulation.domain import PARTS
from tests.simulation.log import LogDoor
from tests.simulation.loop import HOST, Host
from tests.simulation.oracle import SUBSCRIPTIONS
from tests.simulation.reads import ReadDoor
from tests.simulation.world import Order, World
from twofold.clock import FixedClock
from twofold.deciders.handling import Handling
from twofold.deciders.receipt import Receipt
from twofold.deciders.states import States
from twofold.errors import BehindError, ConflictError, Rejected, StoreError
from twofold.messages import Context
from twofold.projections import Projector
from twofold.projections.dead_letters import DeadLetters
from twofold.store.appender import Appender
from twofold.subscriptions import Engine

CLOCK = FixedClock(datetime(2000, 1, 1, tzinfo=UTC))


class Machine:
    """How a process is set up, the same for each that comes after a crash. It runs the subscriptions that ``runs`` names."""

    def __init__(
        self,
        name: str,
        *,
        runs: Sequence[str],
        page_max: int,
        rows_max: int,
        clients: int,
        reads_after: float,
        quick: float,
    ) -> None:
        self.name, self.runs, self.page_max, self.rows_max = name, runs, page_max, rows_max
        self.clients, self.reads_after, self.quick = clients, reads_after, quick
        self.knows = runs or SUBSCRIPTIONS


class Process(Host):
    """One life of a machine."""

    def __init__(self, world: World, machine: Machine) -> None:
        super().__init__(machine.name)
        self.machine = machine
        self.orders: list[Order] = []
        self.is_up = False
        self._world = world
        self._log = LogDoor(world.log, world.line(machine.name, machine.quick))
        self._line = world.line(machine.name, machine.quick)
        self._reads = ReadDoor(world.reads, self._line)
        self._noticed = world.rewinds
        projector = Projector(
            self._reads,
            [each for each in PARTS.projections if each.subscription in machine.knows],
            [each for each in PARTS.sql_projections if each.name in machine.knows],
            rows_max=machine.rows_max,
            parked_max=1000,
        )
        self.engine = Engine(self._log, PARTS.registry, projector, page_max=machine.page_max)
        self._reads.on_loss(self.engine.doubt)
        self._appender = Appender(self._log, halves=machine.clients > 1)
        self._handling: Handling | None = None
        self.letters = DeadLetters(self._log, PARTS.registry, self._reads, PARTS.projections)

    async def live(self) -> None:
        """Start, again and again if need be, and serve clients."""
        while not self.is_up:
            try:
                await self._start()
            except StoreError:
                await asyncio.sleep(0.1)
        for _ in range(self.machine.clients):
            self._world.spawn(self, self._serve())

    async def restart(self) -> None:
        """Stop the engine as it should be stopped, and start it again."""
        if self.machine.runs and self.is_up:
            self.is_up = False
            await self.engine.stop()
            while not self.is_up:
                try:
                    await self._start()
                except StoreError:
                    await asyncio.sleep(0.1)

    def lose_reads(self) -> None:
        """The database of read models has crashed; what was seen of it may be no more."""
        self._line.cut()
        context = contextvars.Context()
        context.run(HOST.set, self)
        self._world.loop.call_soon(self._notice, self._world.rewinds, context=context)

    def _notice(self, rewinds: int) -> None:
        self._noticed = rewinds
        self._reads.lose()
        self._line.mend()

    async def _start(self) -> None:
        head = await self._log.head()
        if self._handling is None:
            self._handling = Handling(
                PARTS.decisions,
                states=States(self._log, PARTS.registry),
                appender=self._appender,
                store=self._log,
                registry=PARTS.registry,
                clock=CLOCK,
                head=head,
            )
        if self.machine.runs:
            await self.engine.start()
        self.is_up = True

    async def _serve(self) -> None:
        chance = self._world.chance
        while self._world.open_orders:
            await asyncio.sleep(chance.random() * 0.1)
            if self._world.orders:
                order = self._world.orders.popleft()
                self.orders.append(order)
                receipt = await self._done(order)
                self.orders.remove(order)
                if receipt is not None:
                    await self._look(receipt)

    async def _done(self, order: Order) -> Receipt | None:
        """Do as ordered, or leave it to others."""
        assert self._handling is not None
        try:
            receipt = await self._handling.handle(order.command, order.id, Context())
        except Rejected:
            receipt = None
        except (StoreError, ConflictError):
            self._world.orders.append(order)
            return None
        self._world.open_orders -= 1
        self._world.tell(self.name, f"answered {order.id}", receipt.position if receipt else "no")
        if receipt is not None:
            self._world.oracle.acknowledged(receipt)
        return receipt

    async def _look(self, receipt: Receipt) -> None:
        """Ask whether the rows have what was just done."""
        chance = self._world.chance
        if chance.random() < self.machine.reads_after:
            names = chance.sample(self.machine.knows, chance.randint(1, len(self.machine.knows)))
            with suppress(BehindError, StoreError):
                await self.engine.reach(names, receipt.position, timeout_seconds=chance.choice([0.01, 0.5, 5.0]))
                if self._noticed == self._world.rewinds:  # Before that, nothing can be asked of the database either.
                    self._world.oracle.reached(names, receipt.position)
