"""The composition root: puts the parts together over a database, starts them and stops them cleanly."""

from __future__ import annotations

import asyncio
import copy
import logging
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Literal, Self, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from twofold.clock import Clock, SystemClock
from twofold.config import PostgresURL, SqliteURL, parse_places
from twofold.deciders.handling import Handling
from twofold.deciders.history import History
from twofold.deciders.receipt import Receipt
from twofold.deciders.states import States
from twofold.errors import BehindError, DefinitionError, InvalidInputError, StoreError, StoreRefusedError, TwofoldError
from twofold.messages import Command, Context, Event, Query, Recorded
from twofold.messages.codec import validated
from twofold.messages.naming import snake_name_of
from twofold.parts import Parts, sort_parts
from twofold.projections import (
    AllRows,
    Audience,
    DeadLetters,
    Group,
    Inline,
    Projector,
    ReadModel,
    ReadStore,
    Rewinding,
    RowChange,
    RowFeed,
    Verification,
    Verifier,
    groups_of,
)
from twofold.projections.builder import ROWS_MAX
from twofold.projections.builds import Builds
from twofold.projections.control import Control
from twofold.projections.deployment import Deployment, Plan, code_of
from twofold.projections.generations import Generation
from twofold.projections.rebuild import PAGE_MAX, Tell
from twofold.projections.repartitioning import Repartitioning
from twofold.projections.rollout import Rollout, rebuilt
from twofold.projections.throttle import LAG_MAX_SECONDS
from twofold.queries import Answer, Desk, Moments, QuestionCount, Sources, TableChanges
from twofold.rooms import Rooms, rooms_for
from twofold.store.appender import Appender
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.store.limits import checked_criteria, checked_stream, checked_version
from twofold.store.port import EventStore, Head
from twofold.subscriptions import Engine, SubscriptionStatus, Wish, Worker, reach_elsewhere
from twofold.subscriptions.partition import whole
from twofold.subscriptions.worker import LEASE_SECONDS, building_of
from twofold.work import Work

A = TypeVar("A")
S = TypeVar("S")
M = TypeVar("M", bound=ReadModel)

NO_CONTEXT = Context()

Rebuilding: TypeAlias = Literal["auto", "manual"]
Background: TypeAlias = bool | Literal["shared"]

log = logging.getLogger("twofold.app")

ARRANGE_SECONDS = 1.0
"""How often it is looked whether partitions can be exchanged that stood too far apart before."""

DRAIN_SECONDS = 30.0
"""How long a stop waits for commands and questions under way. What is appended by then is appended."""


class Bounds(msgspec.Struct, frozen=True):
    """What a process holds of its read models at most: events of a page, and rows; while it follows, and while it builds."""

    page_max: int = 2000
    rows_max: int = 50_000
    build_page_max: int = PAGE_MAX
    build_rows_max: int = ROWS_MAX


class Settings(msgspec.Struct, frozen=True):
    """How an app runs; see ``App``."""

    migrate: bool
    background: Background
    clock: Clock
    attempts_max: int
    states_max: int
    answers_max: int
    slow_seconds: float
    query_seconds: float
    parked_max: int
    lag_max_seconds: float
    rebuild: Rebuilding
    lease_seconds: float
    changes_max: int
    bounds: Bounds = Bounds()


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
        self._live: _Live | None = None

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
        live = _Live(self, rooms)
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
        ``StoreRefusedError`` for what cannot be built beside itself or is not right, and ``FoldError`` for an event that
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
        ``tell`` is told which share of the work is done. Raises ``NotFoundError`` for a name that is none, and
        ``StoreRefusedError`` where another log, or other code, has made the rows.
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
    def _started(self) -> _Live:
        if self._live is None:
            raise StoreRefusedError(
                "The app is not started", reason="not-started", remedy="Use it inside `async with app:`."
            )
        return self._live


def _name_of(read_model: type[ReadModel] | str) -> str:
    return read_model if isinstance(read_model, str) else snake_name_of(read_model)


class _Live:
    """What exists while an app runs."""

    def __init__(self, app: App, rooms: Rooms) -> None:
        self.app, self.rooms = app, rooms
        self.work = Work()
        self.groups = groups_of(app.parts.projections)
        self.strong = [group for group in self.groups if group.strong]
        # A transaction that is held open while rows are folded costs by the flush: then large ones are better than two in turn.
        self.appender = Appender(rooms.log, halves=rooms.is_server and not self.strong)
        self.states = States(rooms.log, app.registry, rooms.snapshots, states_max=app.settings.states_max)
        self.history = History(self.states, rooms.log, app.registry)
        changes, self.moments = TableChanges(), Moments(rooms.log)
        self.audience = Audience(changes.tell, changes_max=app.settings.changes_max)
        bounds = app.settings.bounds
        projector = Projector(
            rooms.reads,
            app.parts.projections,
            app.parts.sql_projections,
            audience=self.audience,
            rows_max=bounds.rows_max,
            parked_max=app.settings.parked_max,
            watches_code=True,
        )
        self.deployment = Deployment(rooms.reads, self.groups)
        told, projections = self.audience, app.parts.projections
        self.dead_letters = DeadLetters(rooms.log, app.registry, rooms.reads, projections, audience=told)
        self.rewinding = Rewinding(rooms.log, rooms.reads, self.groups, app.parts.sql_projections, audience=told)
        self.verifier = Verifier(rooms.log, app.registry, rooms.reads, projections, audience=told)
        self.feed = RowFeed(rooms.log, rooms.reads, self.groups, told, folds=self._folds)
        self.behind: set[str] = set()
        self.left_count = 0
        inline = [group.name for group in self.strong]
        self.engine = Engine(rooms.log, app.registry, projector, page_max=bounds.page_max, inline=inline)
        self.worker = Worker(
            self.engine,
            rooms.leases,
            lambda: projector.interests,
            shared=app.settings.background == "shared",
            codes={group.name: code_of(group) for group in self.groups},
            build=self._build,
            help=lambda name: self.builds.help(name),
            lease_seconds=app.settings.lease_seconds,
        )
        self.control = Control(
            rooms.log,
            app.registry,
            rooms.leases,
            self.groups,
            app.parts.sql_projections,
            projector=self._projector_of,
            reach=self.reach,
            nudge=self.worker.nudge,
        )
        self.repartitioning = Repartitioning(
            rooms.log, app.registry, rooms.reads, projector=lambda group: self._projector_of(group.name)
        )
        self.to_arrange: Sequence[Group] = [group for group in self.groups if not group.strong]
        self.arranging: asyncio.Task[None] | None = None
        self.builds = Builds(
            rooms.log,
            app.registry,
            rooms.reads,
            self.deployment,
            projector,
            self.worker,
            page_max=bounds.build_page_max,
            rows_max=bounds.build_rows_max,
            parked_max=app.settings.parked_max,
            lag_max_seconds=app.settings.lag_max_seconds,
            others_done=self.work.done,
        )
        self.rollout = Rollout(
            rooms.log,
            rooms.reads,
            app.registry,
            self.deployment,
            self.builds,
            self.groups,
            app.parts.sql_projections,
            sample=lambda: rooms_for(parse_places("sqlite://"), migrate=True).reads,
            taken_back=self.engine.doubt,  # What serves stands further back now, and is to be followed from there.
        )
        rooms.reads.on_loss(self._doubt)
        self.desk = Desk(
            Sources(rooms.asked, app.parts.projections, app.parts.sql_projections, self, self.moments),
            app.parts.answerers,
            changes,
            work=self.work,
            answers_max=app.settings.answers_max,
            slow_seconds=app.settings.slow_seconds,
        )
        self.head: Head
        self.handling: Handling

    async def open(self) -> None:
        app = self.app
        await self.rooms.open()
        self.head = await self.rooms.log.head()
        self.moments.begin(self.head)
        self.feed.begin(self.head)
        self.handling = Handling(
            app.parts.decisions,
            states=self.states,
            appender=self.appender,
            store=self.rooms.log,
            registry=app.registry,
            clock=app.settings.clock,
            head=self.head,
            attempts_max=app.settings.attempts_max,
        )
        tables = [projection.table for projection in app.parts.projections]
        self.rooms.asked.know(tables)
        self.rooms.reads.know(tables)
        plans = await self._planned()
        while not await self._deployed(plans):  # Another process, perhaps of other code, started at the same time.
            plans = await self._planned()
        if self.strong:
            inline = Inline(
                self.strong,
                app.registry,
                self.head,
                moved=self.engine.moved,
                audience=self.audience,
                left=self._was_left,
            )
            self.rooms.log.carry(inline)
            self.behind |= {group.name for group in self.strong}
            await self._see_who_is_level()
        if app.settings.background and (app.parts.projections or app.parts.sql_projections):
            await self._arrange()
            await self.worker.start()
            await self._begin(plans)
            self.arranging = asyncio.create_task(self._arrange_the_rest())

    async def _arrange(self) -> None:
        """Bring read models to as many partitions as this code would like, but for what is built anew anyway."""
        found = [group for group in self.to_arrange if group.name not in self.builds.waiting]
        self.to_arrange = [group for group in found if not await self.repartitioning.arrange(group)]

    async def _arrange_the_rest(self) -> None:
        """Partitions that stood apart may be level later."""
        for group in self.to_arrange:
            log.info("%s is not split into %d partitions yet: some are late", group.name, group.partitions)
        while self.to_arrange:
            await asyncio.sleep(ARRANGE_SECONDS)
            with suppress(StoreError):  # It is there again next time.
                await self._arrange()
                self.worker.nudge()

    async def _planned(self) -> Sequence[Plan]:
        return self._wanted(await self.deployment.plans())

    async def _deployed(self, plans: Sequence[Plan]) -> bool:
        """Make the tables that are missing, and note that they are of this code. False where others were faster."""
        self.builds.hold(plans)
        left = {each.name for plan in plans if plan.is_other for each in plan.group.projections}
        await self.rooms.reads.install(
            [self.deployment.table(projection) for projection in self.app.parts.projections],
            [projection.layout for projection in self.app.parts.sql_projections],
            leave=left,
        )
        return await self.deployment.note(
            [group.name for group in self.groups if group.name not in self.builds.waiting]
        )

    async def _begin(self, plans: Sequence[Plan]) -> None:
        """Build what is to be built: here, or where workers share, by whoever of them takes it first."""
        if not self.worker.shared:
            self.builds.begin(plans)
            return
        for plan in plans:
            if not plan.is_banned and not await self.rollout.is_followed(plan.group.name):
                await self.control.wish_rebuild(plan.group.name, code_of(plan.group), switch=True)
        if plans:
            self.builds.watch()

    async def _build(self, wish: Wish) -> None:
        """Build what an operator, or a deployment, has wished for."""
        await self.rollout.rebuild(wish.name, switch=wish.verb == "rebuild")

    def _projector_of(self, name: str) -> Projector:
        """One for a single subscription, that remembers nothing."""
        app = self.app
        groups = [group for group in self.groups if group.name == name]
        return Projector(
            self.rooms.reads,
            [each for group in groups for each in group.projections],
            [each for each in app.parts.sql_projections if each.name == name],
            groups=groups,
            audience=self.audience,
            parked_max=app.settings.parked_max,
            watches_code=True,
        )

    async def status(self) -> list[SubscriptionStatus]:
        """What runs here and elsewhere, what is held, and which generations serve and are built."""
        board = None
        with suppress(StoreError):  # What is in the way of the read database is in the status already.
            board = await self.rooms.leases.board()
        followed = await self.engine.observe(board)
        held = await self.builds.observe((await self.rooms.log.head()).position)
        followed = [each for each in followed if each.name not in self.builds.waiting]  # It is about to give them up.
        found = sorted([*followed, *held], key=lambda each: each.name)
        if board is None:
            return found
        standings = await self.rollout.standings()
        return [
            rebuilt(each, standings.get(whole(each.name)), is_built=board.holder(building_of(each.name)) is not None)
            for each in found
        ]

    def _wanted(self, plans: Sequence[Plan]) -> Sequence[Plan]:
        """What is built, or at least not gone on with. Where builds wait to be asked for, the rest is gone on with."""
        if self.app.settings.rebuild == "auto":
            return plans
        for plan in plans:
            if not plan.is_other and not plan.is_banned:
                log.warning(
                    "The folds of %(name)s have changed, and go on over the rows that others made; "
                    "twofold projections rebuild %(name)s builds it anew",
                    {"name": plan.group.name},
                )
        return [plan for plan in plans if plan.is_banned]

    def _doubt(self) -> None:
        self.engine.doubt()
        self.builds.doubt()

    async def reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        """Return when questions find these read models at ``position`` or beyond; ``BehindError`` otherwise."""
        try:
            await self._reach(list(dict.fromkeys(map(whole, names))), position, timeout_seconds=timeout_seconds)
        except BehindError as error:
            with suppress(StoreError):  # Then nobody can say more than that it is late.
                raise await self.control.explained(error) from error
            raise

    async def _reach(self, names: Collection[str], position: int, *, timeout_seconds: float) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + timeout_seconds
        while not self.builds.waiting.isdisjoint(names):
            await self.builds.reach(names, position, timeout_seconds=max(until - clock(), 0.0))
        beside = self.rooms.asked is self.rooms.reads
        if beside or self.engine.running:  # It knows at once of one that has stopped, and wakes whoever waits.
            await self.engine.reach(names, position, timeout_seconds=max(until - clock(), 0.0))
        if not beside:
            left = max(until - clock(), 0.0)
            await reach_elsewhere(self.rooms.asked, self.head, names, position, timeout_seconds=left)

    async def catch_up(self, names: AbstractSet[str], *, timeout_seconds: float) -> None:
        """Return when these strong subscriptions hold the log as it is now; level ones are not asked about again.

        What other code has made is asked about each time: this process's appends leave it behind, those of others may not.
        """
        head = (await self.rooms.log.head()).position
        others = self.builds.waiting - self.builds.unreadable
        found = await self.rooms.asked.checkpoints(others & names)
        late = names - {name for name, at in found.items() if at.position >= head}
        await self.reach(late, head, timeout_seconds=timeout_seconds)
        await self._see_who_is_level()

    async def begin_again(self, name: str) -> None:
        """Fill a subscription again whose log is another one now."""
        accepted = await self.rewinding.accept(name)
        self.behind |= {group.name for group in self.strong if group.name == accepted}
        if self.worker.running:  # It has stopped there, and looks at checkpoints when it starts.
            await self.worker.stop()
            await self.worker.start()

    async def _see_who_is_level(self) -> None:
        # In this order: what stands at the head that is read after it was level, and each append has kept it so.
        asked, count = self.behind - self.builds.waiting, self.left_count
        found = await self.rooms.asked.checkpoints(asked)
        head = (await self.rooms.log.head()).position
        if count == self.left_count:
            self.behind -= {name for name in asked if not head or (name in found and found[name].position >= head)}

    def _was_left(self, names: Collection[str]) -> None:
        """An append of this process did not move these: until somebody makes up for it, questions wait."""
        self.behind |= set(names)
        self.left_count += 1

    def _folds(self, name: str) -> bool:
        """Whether this process changes the rows of a subscription: its engine does, or its appends."""
        return name in self.engine.names or any(group.name == name for group in self.strong)

    def tells(self, names: Collection[str]) -> bool:
        """Whether each change of rows that questions find is told here: by this engine, over the database it writes."""
        strong = {group.name for group in self.strong}  # These are changed by the appends of other processes too.
        return self.rooms.asked is self.rooms.reads and strong.isdisjoint(names) and self.engine.follows(names)

    async def close(self) -> None:
        try:
            self.desk.close()
            await self.work.done(DRAIN_SECONDS)
            await self.appender.close()
            if self.arranging is not None:
                self.arranging.cancel()
                await asyncio.gather(self.arranging, return_exceptions=True)  # The next start goes on.
            await self.builds.stop()
            await self.worker.stop()
        finally:
            await self.feed.close()
            await self.rooms.close()
