"""What operators wish of subscriptions, and whether it is so by now: pause, resume, step, wait, and rebuilds by workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from twofold.errors import BehindError, NotConfirmedError, NotFoundError, StoreRefusedError, TwofoldError
from twofold.messages import Event, Recorded, Registry
from twofold.projections.group import Group
from twofold.projections.model import ReadModel
from twofold.projections.projector import Projector
from twofold.store.criteria import Criteria
from twofold.store.port import EventStore
from twofold.subscriptions import Board, Engine, Leases, Verb, Wish
from twofold.subscriptions.partition import hindmost, whole
from twofold.subscriptions.worker import LEASE_SECONDS, worker_id

LOOK_SECONDS = 0.05


class Reach(Protocol):
    """Returns when questions find these subscriptions at ``position`` or beyond; ``BehindError`` otherwise."""

    async def __call__(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None: ...


class Stepped(msgspec.Struct, frozen=True):
    """What one step did: the subscription went from one position to another over these events; ``error`` is what stopped it."""

    name: str
    before: int
    after: int
    events: Sequence[Recorded[Event]]
    error: TwofoldError | None = None


class Control:
    """The verbs of ``twofold projections`` that say how subscriptions are to be run.

    Each writes down a wish, which every worker makes so by itself, and then looks whether it is so. ``projector`` gives one
    for a single subscription; ``nudge`` lets this process's own worker look at once.
    """

    def __init__(
        self,
        log: EventStore,
        registry: Registry,
        leases: Leases,
        groups: Collection[Group],
        *,
        projector: Callable[[str], Projector],
        reach: Reach,
        nudge: Callable[[], None],
    ) -> None:
        self._log, self._registry, self._leases = log, registry, leases
        self._projector, self._reach, self._nudge = projector, reach, nudge
        self._strong = frozenset(group.name for group in groups if group.strong)
        self._names: dict[object, str] = {}
        for group in groups:
            asked = (*group.tables, *(each.cls for each in group.projections), group.name)
            self._names |= dict.fromkeys(asked, group.name)

    @property
    def names(self) -> list[str]:
        """Every subscription of the app."""
        return sorted(set(self._names.values()))

    def subscription(self, asked: type[ReadModel] | str) -> str:
        """The subscription of a read model, given as its class, its name or that of its group. ``NotFoundError`` for none."""
        if asked not in self._names:
            name = asked if isinstance(asked, str) else asked.__name__
            raise NotFoundError("read model", name, remedy=f"Those of this app: {', '.join(self.names) or 'none'}.")
        return self._names[asked]

    async def board(self) -> Board:
        """Who runs what, and what is wished."""
        return await self._leases.board()

    async def explained(self, error: BehindError) -> BehindError:
        """The same error with the reason, where an operator has paused it or nobody runs it."""
        name = error.read_model
        board = await self._leases.board()
        paused = board.is_paused(name)
        if error.reason or (not paused and board.holder(name)):
            return error
        return error.because(
            "paused by an operator" if paused else "run by nobody",
            f"Go on: twofold projections resume {whole(name)}."
            if paused
            else "Start twofold run worker, or App(background=True).",
        )

    async def pause(self, *read_models: type[ReadModel] | str, timeout_seconds: float = 30.0) -> Sequence[str]:
        """Let nobody follow these until they are resumed; returns when nobody does, with the subscriptions.

        Raises ``NotConfirmedError`` where a worker has not let go in time; the wish stays. ``StoreRefusedError`` for a strong
        one, which moves with appends.
        """
        names = self._asked(read_models)
        for name in names:
            if name in self._strong:
                raise StoreRefusedError(
                    f"{name} cannot be paused: it is strong, and each append moves it",
                    reason="strong",
                    remedy="Pause read models that follow the log by themselves.",
                )
            await self._leases.wish(Wish(name, "pause"))
        await self._until("paused", names, lambda board, name: not board.holders(name), timeout_seconds)
        await self._leases.fence(names)
        return names

    async def resume(
        self, *read_models: type[ReadModel] | str, timeout_seconds: float = 2.0
    ) -> Mapping[str, str | None]:
        """Let workers follow these again; who does by now, in at most that time. None: no worker has taken it yet."""
        names = self._asked(read_models)
        for name in names:
            await self._leases.unwish(name, ["pause"])
        with suppress(NotConfirmedError):  # Where no worker runs, none can take it: the caller is told so.
            await self._until("resumed", names, lambda board, name: bool(board.holders(name)), timeout_seconds)
        board = await self._leases.board()
        return {name: next(iter(board.holders(name)), None) for name in names}

    async def wait(
        self, *read_models: type[ReadModel] | str, position: int | None = None, timeout_seconds: float = 30.0
    ) -> None:
        """Return when these, or all, stand at a position or beyond: without one at the head as it is now.

        ``BehindError`` for one that is late.
        """
        wanted = (await self._log.head()).position if position is None else position
        await self._reach(self._asked(read_models or self.names), wanted, timeout_seconds=timeout_seconds)

    async def step(self, read_model: type[ReadModel] | str, *, events: int = 1) -> Stepped:
        """Fold the next so many events of a paused subscription, here and now; each partition takes its next ones.

        ``StoreRefusedError`` where it is not paused, or still run by somebody.
        """
        name = self.subscription(read_model)
        board, me = await self._leases.board(), worker_id()
        projector = self._projector(name)
        await projector.checkpoints([name])
        names = frozenset(projector.interests)
        if not board.is_paused(name) or await self._leases.take(me, names, seconds=LEASE_SECONDS) != names:
            await self._leases.sign_out(me)
            raise StoreRefusedError(
                f"{name} is run by {' and '.join(board.holders(name))}"
                if board.is_paused(name)
                else f"{name} is not paused",
                reason="not-paused",
                remedy=f"Pause it first: twofold projections pause {name}.",
            )
        try:
            return await self._step(name, projector, events)
        finally:
            await self._leases.sign_out(me)

    async def wish_rebuild(self, name: str, code: str, *, switch: bool) -> None:
        """Let a worker of this code build the next generation of a subscription."""
        verb: Verb = "rebuild" if switch else "build"
        await self._leases.wish(Wish(name, verb, code))
        self._nudge()

    async def unwish_rebuild(self, name: str) -> bool:
        """Call that off. Whether it was wished."""
        wished = any(wish.name == name and wish.verb != "pause" for wish in (await self._leases.board()).wishes)
        await self._leases.unwish(name, ["rebuild", "build"])
        return wished

    async def _step(self, name: str, projector: Projector, events: int) -> Stepped:
        engine = Engine(self._log, self._registry, projector, page_max=events)
        try:
            start = hindmost(await projector.checkpoints([name]), name)
            before = start.position if start is not None else 0
            types = next(iter(projector.interests.values()))
            page = await self._log.read(after=before, criteria=Criteria.of(types=types), count_max=events)
            await engine.step()
            after = min(status.position for status in engine.status())
            errors = filter(None, (engine.error_of(status.name) for status in engine.status()))
            told = [each for each in self._registry.page(page.rows) if each.position <= after]
            return Stepped(name, before, after, told, next(errors, None))
        finally:
            await engine.stop()

    async def _until(
        self, what: str, names: Sequence[str], holds: Callable[[Board, str], bool], timeout_seconds: float
    ) -> None:
        """Wait until something holds for each; ``NotConfirmedError`` names one for which it does not in time."""
        self._nudge()
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_seconds
        while True:
            board = await self._leases.board()
            late = [name for name in names if not holds(board, name)]
            if not late:
                return
            if clock() >= until:
                raise NotConfirmedError(
                    late[0], what=what, worker=next(iter(board.holders(late[0])), None), waited_seconds=timeout_seconds
                )
            await asyncio.sleep(LOOK_SECONDS)

    def _asked(self, read_models: Sequence[type[ReadModel] | str]) -> list[str]:
        return list(dict.fromkeys(map(self.subscription, read_models)))
