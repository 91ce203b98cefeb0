"""A worker: keeps an engine running what it should run. It looks at the board, again and again, and makes it so."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from twofold.errors import OutcomeUnknownError, StoreError, StoreRefusedError, StoreUnavailableError
from twofold.subscriptions.engine import Engine
from twofold.subscriptions.leases import Board, Leases, Report, Wish
from twofold.subscriptions.partition import whole
from twofold.subscriptions.sharing import shares
from twofold.subscriptions.status import SubscriptionStatus

LEASE_SECONDS = 6.0
"""How long a lease lasts without being renewed: after a kill, others take over after at most this and one look."""

LOOK_SECONDS = 0.5
"""How often a worker looks at the board: within this time it does what operators wish, and takes over what is given back."""

Build: TypeAlias = Callable[[Wish], Awaitable[None]]
"""Builds the next generation as it was wished."""

Help: TypeAlias = Callable[[str], Awaitable[None]]
"""Does what can be done of a build of this subscription, which another process leads."""

log = logging.getLogger("twofold.subscriptions")


def worker_id() -> str:
    """Host, process, and something random: another process with the same number is another worker."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


class Worker:
    """Runs subscriptions in this process: its share of them (``shared``), or all of them.

    A worker that shares runs what it holds a lease on, and no more of it than is fair (``sharing``); what it has stopped at
    it leaves to others. One that does not share runs everything whoever else does, and holds leases only so that others see
    it. Both leave out what is paused. ``codes`` are the fingerprints of the subscriptions that it can ``build``: a rebuild
    that is wished for one of them is done by whoever of that code takes it first, and the others ``help``.
    """

    def __init__(
        self,
        engine: Engine,
        leases: Leases,
        runnable: Callable[[], Collection[str]],
        *,
        shared: bool = False,
        codes: Mapping[str, str] | None = None,
        build: Build | None = None,
        help: Help | None = None,
        id: str = "",
        lease_seconds: float = LEASE_SECONDS,
        look_seconds: float | None = None,
    ) -> None:
        self.id = id or worker_id()
        self.shared = shared
        self._engine, self._leases, self._runnable = engine, leases, runnable
        self._codes, self._build, self._help = codes or {}, build, help
        self._lease_seconds = lease_seconds
        self._look_seconds = min(LOOK_SECONDS, lease_seconds / 4) if look_seconds is None else look_seconds
        self._turn = asyncio.Lock()
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._builds: dict[str, asyncio.Task[None]] = {}
        self._helps: dict[str, asyncio.Task[None]] = {}
        self._holds: set[str] = set()
        self._failed: dict[str, str] = {}
        self._is_blind = False
        engine.on_split(self._soon.set)
        if shared:
            engine.share(self._soon.set)

    @property
    def running(self) -> bool:
        return self._task is not None

    async def start(self) -> None:
        """Take what is to be run here, and go on doing so in the background."""
        await self._engine.start(())
        try:
            await self.look()
        except BaseException:
            await self._engine.stop()
            raise
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Finish the pages in hand, and give everything back at once."""
        task, self._task = self._task, None
        tasks = [*([task] if task is not None else []), *self._builds.values(), *self._helps.values()]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # Whatever they met, they have said.
        self._builds.clear()
        self._helps.clear()
        async with self._turn:
            await self._engine.stop()
        if task is not None:
            with suppress(StoreError):  # Then the leases end by themselves.
                await self._leases.sign_out(self.id)

    async def admit(self, name: str) -> None:
        """Run what has come to be runnable since the last look, also if it had stopped here."""
        await self._engine.give_up(self._engine.stopped & {name})
        if not self._engine.running:
            await self._engine.admit()
            return
        with suppress(StoreError):  # Then the next look does it.
            await self.look()

    @asynccontextmanager
    async def building(self, name: str) -> AsyncGenerator[None]:
        """Hold the lease on a build for the length of the block, once nobody else does: so it is seen, and nobody begins it too.

        One who has failed holds it to say so as long as it is wished for; he is not waited for.
        """
        place = building_of(name)
        if place in self._builds:  # It is held, and given back when the wish is done.
            yield
            return
        while True:
            async with self.holding(place) as is_mine:
                if is_mine:
                    yield
                    return
            lease = (await self._leases.board()).leases.get(place)
            if lease is not None and lease.is_held and lease.state == "stopped":
                yield
                return
            await asyncio.sleep(self._look_seconds)

    @asynccontextmanager
    async def holding(self, place: str) -> AsyncGenerator[bool]:
        """Hold the lease on something for the length of the block, if nobody else does, here or elsewhere. Whether it is held."""
        if place in self._holds:
            yield False
            return
        self._holds.add(place)
        try:
            if not await self._leases.take(self.id, [place], seconds=self._lease_seconds, fence=False):
                yield False
                return
            async with self._renewed(place):
                yield True
        finally:
            self._holds.discard(place)

    @asynccontextmanager
    async def _renewed(self, place: str) -> AsyncGenerator[None]:
        """Renew a lease that was taken for the length of the block, and give it back."""
        renewing = asyncio.create_task(self._renew(place))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)  # It only waited.
            with suppress(StoreError):  # Then it ends by itself.
                await self._leases.give_back(self.id, [place])

    async def others(self) -> int:
        """How many workers live beside this one."""
        return len((await self._leases.board()).workers.keys() - {self.id})

    def nudge(self) -> None:
        """Look at the board soon: something there is another now."""
        self._soon.set()

    async def look(self) -> None:
        """Look at the board, and run what is to be run here, and nothing else."""
        async with self._turn:
            if not self._engine.running:
                return  # It was stopped meanwhile.
            if self._engine.names:
                await self._engine.look()
            known = self._known()
            board = await self._leases.sign(
                self.id, known if self.shared else (), self._reports(), seconds=self._lease_seconds
            )
            wanted = self._wanted(board, known)
            await self._leave(board, wanted)
            await self._take(board, wanted)
            await self._see_wishes(board)
            self._see_builds(board)

    def _known(self) -> frozenset[str]:
        """What could be run here. Where it has stopped, another worker may have the code that does not."""
        known = frozenset(self._runnable())
        return known - self._engine.stopped if self.shared else known

    def _wanted(self, board: Board, known: frozenset[str]) -> frozenset[str]:
        if not self.shared:
            return frozenset(name for name in known if not board.is_paused(name))
        paused = [name for names in board.workers.values() for name in names if board.is_paused(name)]
        plan = shares(board, besides=paused)
        return frozenset(name for name, worker in plan.items() if worker == self.id and name in known)

    async def _leave(self, board: Board, wanted: Collection[str]) -> None:
        """Run no longer what is another's, or paused, or too much; what was given back is free at once."""
        held = board.held_by(self.id) - self._builds.keys() - self._holds
        running = self._engine.names - (self._engine.stopped if self.shared else frozenset())
        kept = set(wanted) & held if self.shared else set(wanted)
        await self._engine.give_up(sorted(running - kept))
        # Where it has stopped, another worker may have the code that does not.
        if back := held - (set(wanted) - self._engine.stopped):
            await self._leases.give_back(self.id, back)
        stopped, runnable = sorted(self._engine.stopped) if self.shared else (), self._runnable()
        # What other code serves is held: it is run again when it is released.
        given_up = [name for name in stopped if name not in runnable or board.holder(name) not in (None, self.id)]
        await self._engine.give_up(given_up)

    async def _take(self, board: Board, wanted: Collection[str]) -> None:
        held = board.held_by(self.id)
        free = [name for name in wanted if board.holder(name) is None and name not in self._engine.stopped]
        taken = (
            await self._leases.take(self.id, free, seconds=self._lease_seconds, fence=self.shared)
            if free
            else frozenset[str]()
        )
        # In order of names, so that the same happens every time.
        await self._engine.take_up(
            [name for name in sorted(wanted) if not self.shared or name in held or name in taken]
        )

    async def _see_wishes(self, board: Board) -> None:
        """Begin the builds that are wished for of this code, unless another worker is at it.

        Forget those that failed and were called off, or are wished of other code by now: whoever has that may begin.
        """
        wishes = [each for each in board.wishes if each.verb != "pause" and each.code == self._codes.get(each.name)]
        for place in self._failed.keys() - {building_of(wish.name) for wish in wishes}:
            del self._failed[place], self._builds[place]
            await self._leases.give_back(self.id, [place])
        for wish in wishes:
            place = building_of(wish.name)
            if (
                self._build is not None
                and not board.is_paused(wish.name)
                and place not in self._builds
                and board.holder(place) is None
                and await self._leases.take(self.id, [place], seconds=self._lease_seconds, fence=False)
            ):
                self._builds[place] = asyncio.create_task(self._built(place, wish, self._build))

    def _see_builds(self, board: Board) -> None:
        """Help with what others build; once more as long as they are at it, unless it has failed here."""
        if self._help is None:
            return
        others = {name for name in self._codes if board.holder(building_of(name)) not in (None, self.id)}
        for name, task in list(self._helps.items()):
            if task.done() and (name not in others or (not task.cancelled() and task.exception() is None)):
                del self._helps[name]
        for name in sorted(others - self._helps.keys()):
            self._helps[name] = asyncio.create_task(self._helped(self._help, name))

    async def _helped(self, help: Help, name: str) -> None:
        try:
            await help(name)
        except StoreUnavailableError as error:
            log.info("A build of %s is not helped with for now: %s", name, error)
        except Exception:
            log.exception("The build of %s could not be helped with; whoever leads it goes on", name)
            raise

    async def _built(self, place: str, wish: Wish, build: Build) -> None:
        """Build as wished. What fails is said as long as this worker lives, and not tried again by it."""
        try:
            await self._patiently(lambda: self._unless_overtaken(build, wish))
            await self._patiently(lambda: self._leases.unwish(wish.name, [wish.verb]))
            await self._patiently(lambda: self._leases.give_back(self.id, [place]))
        except Exception as error:  # Whatever it was, it is said in the log and in every status.
            log.exception("The next generation of %s could not be built", wish.name)
            self._failed[place] = str(error)
        else:
            del self._builds[place]
        self._soon.set()

    async def _renew(self, place: str) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            with suppress(StoreError):  # If it is over by then, whoever takes it is fenced by the checkpoint as always.
                await self._leases.take(self.id, [place], seconds=self._lease_seconds, fence=False)

    async def _unless_overtaken(self, build: Build, wish: Wish) -> None:
        """Build, unless somebody gives it up meanwhile, or lets other code serve: then the wish is nobody's any more."""
        try:
            await build(wish)
        except StoreRefusedError as error:
            if error.reason not in ("cancelled", "switched"):
                raise
            log.warning("%s", error)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it, again and again while a database is away."""
        while True:
            try:
                return await work()
            except (StoreUnavailableError, OutcomeUnknownError) as error:
                log.warning("A build goes on as soon as it can: %s", error)
                await asyncio.sleep(self._look_seconds)

    def _reports(self) -> list[Report]:
        found = [_report(each) for each in self._engine.status()]
        return found + [
            Report(place, "stopped" if place in self._failed else "rebuilding", error=self._failed.get(place))
            for place in self._builds
        ]

    async def _go_on(self) -> None:
        while self._task is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await self._soon.wait()
            self._soon.clear()
            try:
                await self.look()
                self._is_blind = False
            except StoreError as error:  # The next look comes soon; until then everybody goes on with what he has.
                if not self._is_blind:
                    log.warning("The worker cannot look at the board: %s", error)
                self._is_blind = True
            except Exception:
                log.exception("The worker met a bug while it looked at the board; it goes on")
                await asyncio.sleep(self._look_seconds)


def building_of(name: str) -> str:
    """What a worker holds a lease on while it builds the next generation of a subscription."""
    return f"{whole(name)}@next"


def _report(status: SubscriptionStatus) -> Report:
    return Report(status.name, status.state, status.rate, status.error)
