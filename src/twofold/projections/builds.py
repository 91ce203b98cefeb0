"""Rebuilds in the background of a process: what other code has made serves on until this code's rows are there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

from twofold.errors import BehindError, TwofoldError
from twofold.messages import Registry
from twofold.projections.deployment import Deployment, Plan
from twofold.projections.port import ReadStore
from twofold.projections.projector import Projector
from twofold.projections.rebuild import Progress, Rebuild
from twofold.store.port import EventStore
from twofold.subscriptions import Engine

log = logging.getLogger("twofold.projections")

REST_SECONDS = 0.001
"""Between two pages, so that whatever else this process does has its turn."""


class Builds:
    """Builds what is planned, one after the other; each read model is followed from the moment it is switched."""

    def __init__(
        self,
        store: EventStore,
        registry: Registry,
        reads: ReadStore,
        deployment: Deployment,
        projector: Projector,
        engine: Engine,
        *,
        parked_max: int,
    ) -> None:
        self._log, self._registry, self._reads = store, registry, reads
        self._deployment, self._projector, self._engine = deployment, projector, engine
        self._parked_max = parked_max
        self._waiting: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._one_is_done = asyncio.Event()

    @property
    def waiting(self) -> Collection[str]:
        """What is not followed, because what serves of it was made by other code."""
        return self._waiting.keys()

    def hold(self, plans: Sequence[Plan]) -> None:
        """Let nobody follow these until they are built."""
        self._waiting = {plan.group.name: _said(plan, "is to be built") for plan in plans}
        self._projector.hold(self._waiting)

    def begin(self, plans: Sequence[Plan]) -> None:
        """Build them in the background."""
        if plans:
            self._task = asyncio.create_task(self._build_all(plans))

    async def done(self) -> None:
        """Return when everything that was planned is built, or could not be."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Write what is in memory, and leave the rest to the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

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
            if name in self._waiting:
                waited = round(time.monotonic() - started, 3)
                raise BehindError(name, position=0, wanted=position, waited_seconds=waited, reason=self._waiting[name])

    async def _build_all(self, plans: Sequence[Plan]) -> None:
        for plan in plans:
            try:
                await self._build(plan)
            except TwofoldError as error:
                self._waiting[plan.group.name] = _said(plan, f"could not be built: {error}")
                log.exception("%s", self._waiting[plan.group.name])
            self._one_is_done.set()
            self._one_is_done = asyncio.Event()

    async def _build(self, plan: Plan) -> None:
        name = plan.group.name
        rebuild = Rebuild(
            self._log,
            self._registry,
            self._reads,
            plan.group,
            plan.generation,
            parked_max=self._parked_max,
            tell=lambda progress: self._waiting.update({name: _said(plan, _percent(progress))}),
            brake=lambda: asyncio.sleep(REST_SECONDS),
        )
        try:
            await rebuild.catch_up()
            await rebuild.switch(plan.old)
        finally:
            await rebuild.close()
        del self._waiting[name]
        self._projector.release(name)
        await self._engine.admit()
        log.info("%s", _said(plan, "serves"))


def _said(plan: Plan, what: str) -> str:
    return f"generation {plan.generation.number} of {plan.group.name} {what}"


def _percent(progress: Progress) -> str:
    share = 100 * progress.position // progress.head if progress.head else 100
    return f"is being built ({share} %)"
