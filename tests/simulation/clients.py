"""Clients of a simulated process: they want commands done, and look whether they were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random

from tests.simulation.domain import Close, Deposit, Open, Rename, Transfer, Withdraw
from tests.simulation.facts import must
from tests.simulation.process import Process
from tests.simulation.read_models import UNLUCKY
from tests.simulation.tracks import STRONG
from tests.simulation.world import Order, World
from twofold.deciders import Receipt
from twofold.errors import BehindError, ConflictError, FoldError, Rejected, StoreError
from twofold.messages import Command, Context

AMOUNTS = (1, 2, 3, 4, 9, UNLUCKY)


class Clients:
    """Those of one process. When it crashes, others are asked for what it left undone."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process
        self.orders: list[Order] = []
        self._serving: list[asyncio.Task[None]] = []
        self._leaving = False

    def begin(self) -> None:
        self._serving = [self._world.spawn(self._process, self._serve()) for _ in range(self._process.machine.clients)]

    async def leave(self) -> None:
        """Ask for nothing more, and wait for what was asked."""
        self._leaving = True
        await asyncio.gather(*self._serving)

    async def _serve(self) -> None:
        chance = self._world.chance
        while self._world.open_orders and not self._leaving:
            await asyncio.sleep(chance.random() * self._process.machine.rests)
            if self._world.orders and not self._leaving:
                order = self._world.orders.popleft()
                self.orders.append(order)
                receipt = await self._done(order)
                self.orders.remove(order)
                if receipt is not None:
                    await self._look(receipt)

    async def _done(self, order: Order) -> Receipt | None:
        """Do as ordered, or leave it to others."""
        assert self._process.handling is not None
        try:
            receipt = await self._process.handling.handle(order.command, order.id, Context())
        except Rejected:
            self._refused(order, "no")
            return None
        except FoldError as error:
            must(_is_unlucky(order.command), f"{order.id} was refused: {error}")
            self._refused(order, "a strong read model cannot take it")
            return None
        except (StoreError, ConflictError):
            self._world.orders.append(order)
            return None
        self._world.open_orders -= 1
        self._world.tell(self._process.name, f"answered {order.id}", receipt.position)
        self._world.oracle.facts.acknowledged(receipt)
        return receipt

    async def _ask(self, receipt: Receipt) -> None:
        """Ask strong read models, which must not be silently older than what was done in this process."""
        process = self._process
        names = [name for name in process.machine.knows if name in STRONG]
        if names and receipt.position in process.log.appended and self._world.chance.random() < 0.5:
            with suppress(BehindError, StoreError):
                await process.ask(names, timeout_seconds=self._world.chance.choice([0.01, 0.5]))
                self._world.oracle.reached(names, receipt.position)

    def _refused(self, order: Order, why: str) -> None:
        self._world.open_orders -= 1
        self._world.tell(self._process.name, f"answered {order.id}", why)
        self._world.oracle.facts.refused(order.id)

    async def _look(self, receipt: Receipt) -> None:
        """Ask whether the rows have what was just done."""
        chance, process = self._world.chance, self._process
        await self._ask(receipt)
        if chance.random() < process.machine.reads_after:
            names = chance.sample(process.machine.knows, chance.randint(1, len(process.machine.knows)))
            with suppress(BehindError, StoreError):
                await process.reach(names, receipt.position, timeout_seconds=chance.choice([0.01, 0.5, 5.0]))
                if process.sees_reads:
                    self._world.oracle.reached(names, receipt.position)


def command(chance: Random, bad_share: float) -> Command:
    """Something that a client might want."""
    one, other = chance.sample(["1", "2", "3"], 2)
    bad = chance.random() < bad_share
    commands: list[Callable[[], Command]] = [
        lambda: Open(account_id=one, owner=chance.choice("xy")),
        lambda: Open(account_id=one, owner=chance.choice("xy")),
        lambda: Deposit(account_id=one, amount=chance.choice(AMOUNTS), bad=bad),
        lambda: Deposit(account_id=one, amount=chance.choice(AMOUNTS), bad=bad),
        lambda: Withdraw(account_id=one, amount=chance.randint(1, 9)),
        lambda: Transfer(source_id=one, target_id=other, amount=chance.randint(1, 9)),
        lambda: Close(account_id=one),
        lambda: Rename(owner_id=chance.choice("xy"), name=chance.choice("abc"), bad=bad),
        lambda: Rename(owner_id=chance.choice("xy"), name=chance.choice("abc"), bad=bad),
    ]
    return chance.choice(commands)()


def _is_unlucky(command: Command) -> bool:
    return isinstance(command, (Deposit, Transfer)) and command.amount == UNLUCKY
