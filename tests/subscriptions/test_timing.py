"""The engine where things happen in an unlucky order."""

from __future__ import annotations

import asyncio

from tests.read_stores import append
from tests.subscriptions.notebook import RANG, REGISTRY, Notebook, Rang, engine
from twofold.errors import StoreUnavailableError
from twofold.store.port import Head
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog


class OvertakenLog(MemoryLog):
    """Between the first look at its head and the next thing, another worker moves everything on."""

    def __init__(self, notebook: Notebook) -> None:
        super().__init__()
        self.notebook = notebook
        self.is_overtaken = False

    async def head(self) -> Head:
        found = await super().head()
        if not self.is_overtaken:
            self.is_overtaken = True
            await append(self, "bell-1", Rang(number=1))
            await engine(self, self.notebook).settle()
        return found


class DeafLog(MemoryLog):
    """Its news cannot be heard."""

    def __init__(self) -> None:
        super().__init__()
        self.was_asked = asyncio.Event()

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        self.was_asked.set()
        raise StoreUnavailableError("the log is away", reason="away")


async def test_another_worker_that_moves_on_while_one_starts_is_no_contradiction() -> None:
    notebook = Notebook(all=RANG)
    late = engine(OvertakenLog(notebook), notebook)
    await late.step()
    await late.settle()
    assert notebook.seen["all"] == [1]


async def test_it_can_be_stopped_while_it_rests_from_a_failure() -> None:
    log = DeafLog()
    runner = Engine(log, REGISTRY, Notebook(all=RANG), backoff=lambda failures: 3600.0)
    await runner.start()
    await log.was_asked.wait()
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await runner.stop()
    assert not runner.running
