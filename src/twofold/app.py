"""The composition root: puts the parts together over a database, starts them and stops them cleanly."""

from __future__ import annotations

import asyncio
import copy
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

from msgspec.structs import replace

from twofold.clock import Clock, SystemClock
from twofold.config import PostgresURL, SqliteURL, parse_places
from twofold.deciders.receipt import Receipt
from twofold.errors import DefinitionError, InvalidInputError, StoreRefusedError, TwofoldError
from twofold.live import Live
from twofold.messages import Command, Context, Event, Query, Recorded
from twofold.messages.codec import validated
from twofold.messages.naming import snake_name_of
from twofold.parts import Parts, sort_parts
from twofold.projections import (
    AllRows,
    DeadLetters,
    ReadModel,
    ReadStore,
    RowChange,
    Verification,
)
from twofold.projections.control import Control
from twofold.projections.generations import Generation
from twofold.projections.rebuild import Tell
from twofold.projections.rollout import Rollout
from twofold.projections.throttle import LAG_MAX_SECONDS
from twofold.queries import Answer, QuestionCount
from twofold.rooms import Rooms, rooms_for
from twofold.settings import Background, Rebuilding, Settings
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.limits import checked_criteria, checked_stream, checked_version
from twofold.store.port import EventStore, Head
from twofold.subscriptions import Engine, SubscriptionStatus
from twofold.subscriptions.worker import LEASE_SECONDS

A = TypeVar("A")
S = TypeVar("S")
M = TypeVar("M", bound=ReadModel)

NO_CONTEXT = Context()


class App:
    """An application: its parts over one store.

    ``parts`` are deciders, read models, messages, upcasters, and functions marked ``@decides`` or ``@answers``.
    ``store`` is a URL: ``sqlite:///shop.db``, ``sqlite://`` (in memory) or ``postgresql://…``. The read models are
    beside the log, or at ``reads``; questions go there, or to ``replica``, a server that repeats it. With ``migrate`` an
    older schema is upgraded at start; without it ``twofold db upgrade`` must have been run. With ``background`` the
    read models follow the log in this process; without it another process runs them, or a test turns them by hand; with
    ``background="shared"`` this process is one of many workers and takes its share of them (``twofold run worker``).
    An event that a fold cannot take parks its key (``dead_letters``), at most ``parked_max`` keys of each read model; the
    next one stops it. With 0 it stops at the first.
    With ``rebuild="auto"`` what other code has made is built anew in the background while it serves; with ``"manual"``
    it is only when somebody asks for it: a changed definition is refused at start, changed folds go on over the rows.
    What is built rests while what serves is later than ``lag_max_seconds``.
    A worker that is gone without a word is replaced after at most ``lease_seconds`` and one look at the leases.
    Of each read model whose ``rows`` are followed, the last ``changes_max`` changes are kept.

    Use it as ``async with app:``. Raises ``DefinitionError`` at once for any mistake in its parts.
    """

    def __init__(
        self,
        *parts: object,
        store: str = "sqlite://",
        reads: str | None = None,
        replica: str | None = None,
        migrate: bool = True,
        background: Background = True,
        clock: Clock | None = None,
        attempts_max: int = 100,
        states_max: int = 10_000,
        answers_max: int = 10_000,
        slow_seconds: float = 0.2,
        query_seconds: float = 30.0,
        parked_max: int = 100,
        lag_max_seconds: float = LAG_MAX_SECONDS,
        rebuild: Rebuilding = "auto",
        lease_seconds: float = LEASE_SECONDS,
        changes_max: int = 10_000,
    ) -> None:
        self.parts: Parts = sort_parts(parts)
        self.registry = self.parts.registry
        self.places = parse_places(store, reads, replica)
        self.settings = Settings(
            migrate,
            background,
            clock or SystemClock(),
            attempts_max,
            states_max,
            answers_max,
            slow_seconds,
            query_seconds,
            parked_max,
            lag_max_seconds,
            rebuild,
            lease_seconds,
            changes_max,
        )
        self._live: Live | None = None

    def at(
        self,
        store: str | None = None,
        *,
        reads: str | None = None,
        replica: str | None = None,
        migrate: bool | None = None,
        background: Background | None = None,
        rebuild: Rebuilding | None = None,
        parked_max: int | None = None,
        lag_max_seconds: float | None = None,
    ) -> App:
        """The same app over another store, or with other settings; not started.

        Another store brings its own read models, and other read models their own replica, unless these are given too.
        """
        other = copy.copy(self)
        places = self.places if store is None else parse_places(store)
        other.places = places.moved(reads, replica)
        given = {
            "migrate": migrate,
            "background": background,
            "rebuild": rebuild,
            "parked_max": parked_max,
            "lag_max_seconds": lag_max_seconds,
        }
        other.settings = replace(self.settings, **{name: value for name, value in given.items() if value is not None})
        other.__dict__["_live"] = None
        return other

    @property
    def url(self) -> SqliteURL | PostgresURL:
        """Where the log is."""
        return self.places.log

    # --- Life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the store, install what is missing, and let the read models follow.

        Raises ``StoreRefusedError`` for a database that is not ours or not safe, with the remedy.
        """
        if self._live is not None:
            raise TwofoldError("The app is started already", remedy="Start it once; many tasks may share it.")
        rooms = self._rooms()
        live = Live(self.parts, self.settings, rooms)
        try:
            await live.open()
        except BaseException:
            await rooms.close()
            raise
        self._live = live

    async def stop(self) -> None:
        """Let what is under way finish, then give everything back. Nothing that was acknowledged is lost."""
        live, self._live = self._live, None
        if live is not None:
            await live.close()

    @property
    def is_started(self) -> bool:
        return self._live is not None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def run(self) -> None:
        """Start, serve until SIGTERM or SIGINT, and stop cleanly."""
        enough = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, enough.set)
        try:
            async with self:
                await enough.wait()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    # --- Commands and the write model ---------------------------------------------------------------------------

    async def send(
        self,
        command: Command,
        *,
        command_id: str | None = None,
        actor: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        traceparent: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Receipt:
        """Decide on a command and append the events; they are durable when this returns.

        ``command_id`` makes it idempotent: the same id gives the same receipt. The other names are recorded with each
        event. Raises ``Rejected`` (the domain's no), ``InvalidInputError``, ``UnknownMessageError``,
        ``KeyReusedError``, ``ConflictError`` (rivals won every attempt) and the store's errors.
        """
        if actor or correlation_id or causation_id or traceparent or headers:
            given = Context(
                actor=actor,
                correlation_id=correlation_id,
                causation_id=causation_id,
                traceparent=traceparent,
                headers=headers or {},
            )
            context = validated(given)[0]
        else:
            context = NO_CONTEXT
        live = self._started
        with live.work:
            receipt = await live.handling.handle(command, command_id, context)
        live.moments.saw(receipt.position)
        return receipt

    async def load(self, cls: type[S], *key: object, at_version: int | None = None, at: datetime | None = None) -> S:
        """The state of one aggregate or boundary: the newest, or as it was at a version or time.

        Raises ``NotFoundError`` for a version that does not exist yet.
        """
        definition = self.parts.definitions.get(cls)
        if definition is None:
            raise DefinitionError(f"{cls.__name__} is no decider of this app", cls, remedy="Add it to App(...).")
        if at_version is not None and at is not None:
            raise InvalidInputError("at_version and at are both given", what="at", remedy="Give one of them.")
        live, subject = self._started, definition.subject(key)
        with live.work:
            if at_version is not None:
                state: S = await live.history.at_version(subject, at_version)
            elif at is not None:
                state = await live.history.at_time(subject, at)
            else:
                state = await live.history.now(subject)
        return state

    # --- The log ------------------------------------------------------------------------------------------------

    @property
    def log(self) -> EventStore:
        """The store's log, for reading it as it is."""
        return self._started.rooms.log

    async def head(self) -> Head:
        """Where the log ends, and which log it is."""
        return await self.log.head()

    async def events(
        self,
        *,
        after: int = 0,
        stream: str | None = None,
        criteria: Criteria = EVERYTHING,
        category: str | None = None,
        follow: bool = False,
    ) -> AsyncIterator[Recorded[Event]]:
        """The events after a position (of a stream: after a version), in order.

        It ends at the head, or with ``follow`` waits there for more. A stream excludes ``criteria`` and ``category``.
        """
        log = self.log
        checked_version(after, "after")
        if stream is not None:
            checked_stream(stream)
        checked_criteria(criteria)
        while True:
            if stream is not None:
                page = await log.read_stream(stream, after=after)
            else:
                page = await log.read(after=after, criteria=criteria, category=category)
            for recorded in self.registry.page(page.rows):
                yield recorded
            after = page.reached
            if not page.full:
                if not follow:
                    return
                head = (await log.head()).position
                await log.wait(head if stream is not None else after, timeout_seconds=1.0)

    # --- Questions ----------------------------------------------------------------------------------------------

    async def ask(
        self,
        query: Query[A],
        *,
        after: Receipt | str | None = None,
        consistent: bool = False,
        wait_seconds: float = 5.0,
    ) -> A:
        """The answer to a query.

        With ``after`` (a receipt, or a token of it or of an ``Answer``) it includes that write, with ``consistent``
        everything that was appended before it was asked: it waits at most ``wait_seconds`` for the read models that it
        reads, and then raises ``BehindError`` instead of answering from before.
        """
        return await self._started.desk.ask(query, after=after, consistent=consistent, wait_seconds=wait_seconds)

    async def answer(
        self,
        query: Query[A],
        *,
        after: Receipt | str | None = None,
        consistent: bool = False,
        wait_seconds: float = 5.0,
    ) -> Answer[A]:
        """The same, with how fresh it is and the token that keeps the next question from being answered from before."""
        return await self._started.desk.answer(query, after=after, consistent=consistent, wait_seconds=wait_seconds)

    def watch(self, query: Query[A]) -> AsyncGenerator[A]:
        """The answer to a query, and then each other one that comes of changed rows; it ends when the app stops.

        Changes that follow each other quickly may be seen as one.
        """
        return self._started.desk.watch(query)

    def rows(self, read_model: type[M], *, after: str | None = None) -> AsyncGenerator[RowChange[M]]:
        """The changed rows of a read model from now on, or behind a token, after each commit; it ends when the app stops.

        Raises ``StoreRefusedError`` where this process does not fold it, ``InvalidInputError`` for what is no token of it;
        and, where nobody knows any more what comes next, ``FeedBrokenError``: then read all rows, and follow from there.
        """
        return self._started.feed.rows(read_model, after)

    async def all_rows(self, read_model: type[M]) -> AllRows[M]:
        """Every row of a read model as it is at one moment, with the token from which ``rows`` goes on without a gap."""
        return await self._started.feed.all_rows(read_model)

    def questions(self) -> Mapping[str, QuestionCount]:
        """What this process has been asked since the start, by the name of the query."""
        return self._started.desk.counts()

    async def settle(self, *, timeout_seconds: float = 30.0) -> None:
        """Return when every read model has reached the head as it is now; ``BehindError`` for one that cannot."""
        await self._started.engine.settle(timeout_seconds=timeout_seconds)

    async def builds_done(self) -> None:
        """Return when the read models that had to be built anew serve, or could not be built (``ask`` says why)."""
        await self._started.builds.done()

    async def rebuild(
        self,
        *read_models: type[ReadModel] | str,
        switch: bool = True,
        verify: bool = False,
        tell: Tell = lambda progress: None,
    ) -> list[Generation]:
        """Build read models anew beside what serves, and let that take its place; the generations that were built.

        It may be called while writes go on, and again after a crash: it goes on with what was built. Those that share a
        checkpoint are built together. ``tell`` hears how far it is. Without ``switch`` what was built waits beside.
        With ``verify`` it is folded a second time and compared first. Raises ``NotFoundError`` for a name that is none,
        ``StoreRefusedError`` for what cannot be built beside itself, or is not right, and ``FoldError`` for an event that
        no key can be parked for.
        """
        rollout = self.rollout
        groups = dict.fromkeys(map(rollout.group, read_models))
        return [await rollout.rebuild(group, switch=switch, verify=verify, tell=tell) for group in groups]

    @property
    def rollout(self) -> Rollout:
        """The generations of the read models: built, switched, rolled back and cancelled."""
        return self._started.rollout

    async def status(self) -> list[SubscriptionStatus]:
        """Where every read model stands, against the head as it is now."""
        return await self._started.status()

    @property
    def worker_id(self) -> str:
        """Who this process is among the workers: the ``owner`` of what it runs."""
        return self._started.worker.id

    @property
    def control(self) -> Control:
        """How read models are to be run: paused, resumed, stepped through, or built anew by a worker."""
        return self._started.control

    async def verify(
        self,
        read_model: type[ReadModel] | str,
        *,
        sample: int | None = None,
        heal: bool = False,
        tell: Callable[[float], None] = lambda share: None,
    ) -> Verification:
        """Fold a read model again from the log, up to where its rows stand, and compare them exactly; writes go on.

        With ``sample`` about so many keys of it, drawn anew each time. ``heal`` mends the rows that differ, and no others.
        ``tell`` is told which share of the work is done. What writes with SQL of its own takes the log again in tables that
        nobody else sees; it is compared as a whole. Raises ``NotFoundError`` for a name that is none,
        ``StoreRefusedError`` where another log, or other code, has made the rows, and ``InvalidInputError`` for a sample of what is
        compared as a whole.
        """
        return await self._started.verifier.verify(_name_of(read_model), sample=sample, heal=heal, tell=tell)

    async def accept_rewind(self, read_model: type[ReadModel] | str, *, dry_run: bool = False) -> str:
        """Why the log is not the one that a read model was made from; unless that is nothing, empty it to be filled again.

        With it whatever shares its checkpoint. A dry run changes nothing. Raises ``NotFoundError`` for a name that is none.
        """
        live, name = self._started, _name_of(read_model)
        reason = await live.rewinding.reason(name)
        if reason and not dry_run:
            await live.begin_again(name)
        return reason

    @property
    def dead_letters(self) -> DeadLetters:
        """The keys of read models that take no events any more, the events that they have not taken, and the way back."""
        return self._started.dead_letters

    @property
    def reads(self) -> ReadStore:
        """The store of the read models."""
        return self._started.rooms.reads

    @property
    def engine(self) -> Engine:
        """What feeds the read models."""
        return self._started.engine

    def _rooms(self) -> Rooms:
        """Where everything is kept; not yet opened."""
        return rooms_for(
            self.places,
            migrate=self.settings.migrate,
            query_seconds=self.settings.query_seconds,
            strong=any(projection.table.strong for projection in self.parts.projections),
        )

    @property
    def _started(self) -> Live:
        if self._live is None:
            raise StoreRefusedError(
                "The app is not started", reason="not-started", remedy="Use it inside `async with app:`."
            )
        return self._live


def _name_of(read_model: type[ReadModel] | str) -> str:
    return read_model if isinstance(read_model, str) else snake_name_of(read_model)
