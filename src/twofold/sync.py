"""The door for scripts and synchronous frameworks: the same app, without ``await``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from twofold.app import App
from twofold.deciders.receipt import Receipt
from twofold.errors import TwofoldError
from twofold.messages import Command, Event, Query, Recorded
from twofold.projections import AllRows, Parked, ReadModel, Retried, RowChange, Verification
from twofold.projections.generations import Generation
from twofold.projections.rebuild import Tell
from twofold.queries import Answer, QuestionCount
from twofold.store.criteria import EVERYTHING, Criteria
from twofold.subscriptions import SubscriptionStatus

T = TypeVar("T")
A = TypeVar("A")
S = TypeVar("S")
M = TypeVar("M", bound=ReadModel)


@contextmanager
def sync(app: App) -> Generator[SyncApp]:
    """``with sync(app) as shop: shop.send(...)``: the app runs on a thread of its own, and any thread may use it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="twofold", daemon=True)
    thread.start()
    door = SyncApp(app, loop)
    try:
        door.wait_for(app.start())
        try:
            yield door
        finally:
            door.wait_for(app.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class SyncApp:
    """An app whose methods return when they are done. Each raises what the app's own method raises."""

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self._loop = loop

    def send(
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
        """Decide on a command and append the events; they are durable when this returns."""
        return self.wait_for(
            self.app.send(
                command,
                command_id=command_id,
                actor=actor,
                correlation_id=correlation_id,
                causation_id=causation_id,
                traceparent=traceparent,
                headers=headers,
            )
        )

    def ask(
        self,
        query: Query[A],
        *,
        after: Receipt | str | None = None,
        consistent: bool = False,
        wait_seconds: float = 5.0,
    ) -> A:
        """The answer to a query; with ``after`` it includes that write."""
        return self.wait_for(self.app.ask(query, after=after, consistent=consistent, wait_seconds=wait_seconds))

    def answer(
        self,
        query: Query[A],
        *,
        after: Receipt | str | None = None,
        consistent: bool = False,
        wait_seconds: float = 5.0,
    ) -> Answer[A]:
        """The same, with how fresh it is."""
        return self.wait_for(self.app.answer(query, after=after, consistent=consistent, wait_seconds=wait_seconds))

    def watch(self, query: Query[A]) -> Iterator[A]:
        """The answer to a query, and then each other one that comes of changed rows; it ends when the app stops."""
        return self._each(self.app.watch(query))

    def rows(self, read_model: type[M], *, after: str | None = None) -> Iterator[RowChange[M]]:
        """The changed rows of a read model from now on, or behind a token; it ends when the app stops."""

        async def changes() -> AsyncGenerator[RowChange[M]]:
            return self.app.rows(read_model, after=after)

        return self._each(self.wait_for(changes()))

    def all_rows(self, read_model: type[M]) -> AllRows[M]:
        """Every row of a read model at one moment, with the token from which ``rows`` goes on."""
        return self.wait_for(self.app.all_rows(read_model))

    def questions(self) -> Mapping[str, QuestionCount]:
        """What has been asked since the start, by the name of the query."""
        return self.app.questions()

    def load(self, cls: type[S], *key: object, at_version: int | None = None, at: datetime | None = None) -> S:
        """The state of one aggregate or boundary, now or in the past."""
        return self.wait_for(self.app.load(cls, *key, at_version=at_version, at=at))

    def events(
        self,
        *,
        after: int = 0,
        stream: str | None = None,
        criteria: Criteria = EVERYTHING,
        category: str | None = None,
    ) -> Iterator[Recorded[Event]]:
        """The events after a position, up to the head."""
        events = self.app.events(after=after, stream=stream, criteria=criteria, category=category)
        while (recorded := self.wait_for(_next(events))) is not None:
            yield recorded

    def settle(self, *, timeout_seconds: float = 30.0) -> None:
        """Return when every read model has reached the head as it is now."""
        self.wait_for(self.app.settle(timeout_seconds=timeout_seconds))

    def rebuild(
        self,
        *read_models: type[ReadModel] | str,
        switch: bool = True,
        verify: bool = False,
        tell: Tell = lambda progress: None,
    ) -> list[Generation]:
        """Build read models anew beside what serves; ``tell`` is called on the app's own thread."""
        return self.wait_for(self.app.rebuild(*read_models, switch=switch, verify=verify, tell=tell))

    def status(self) -> list[SubscriptionStatus]:
        """Where every read model stands."""
        return self.wait_for(self.app.status())

    @property
    def dead_letters(self) -> SyncDeadLetters:
        """The keys of read models that take no events any more, the events that they have not taken, and the way back."""
        return SyncDeadLetters(self)

    def verify(
        self, read_model: type[ReadModel] | str, *, sample: int | None = None, heal: bool = False
    ) -> Verification:
        """Whether the rows of a read model are what the log makes of them."""
        return self.wait_for(self.app.verify(read_model, sample=sample, heal=heal))

    def accept_rewind(self, read_model: type[ReadModel] | str, *, dry_run: bool = False) -> str:
        """Why the log is not the one that a read model was made from; it is filled again."""
        return self.wait_for(self.app.accept_rewind(read_model, dry_run=dry_run))

    def _each(self, told: AsyncGenerator[T]) -> Iterator[T]:
        try:
            while (one := self.wait_for(_told(told))) is not None:
                yield one[0]
        finally:
            self.wait_for(told.aclose())

    def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Run anything asynchronous on the app's own loop, and return its result."""
        if _inside(self._loop):
            work.close()
            raise TwofoldError("The sync door was used inside its own loop", remedy="Await the app's own method there.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class SyncDeadLetters:
    """The parked keys of an app's read models."""

    def __init__(self, door: SyncApp) -> None:
        self._door, self._dead = door, door.app.dead_letters

    def parked(self, read_model: str | None = None) -> Sequence[Parked]:
        """What is parked, of one read model or all."""
        return self._door.wait_for(self._dead.parked(read_model))

    def letters(self, parked: Parked) -> Sequence[Recorded[Event]]:
        """The events that a parked key has not taken, in order; the first is why it was parked."""
        return self._door.wait_for(self._dead.letters(parked))

    def retry(self, parked: Parked, *, dry_run: bool = False, skip_reason: str | None = None) -> Retried:
        """Fold a parked key's events through the code as it is now, and let the key go if all of them could be taken."""
        return self._door.wait_for(self._dead.retry(parked, dry_run=dry_run, skip_reason=skip_reason))


def _inside(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


async def _told(answers: AsyncGenerator[A]) -> tuple[A] | None:
    """The next answer, which may be None itself; None behind the last one."""
    async for answer in answers:
        return (answer,)
    return None


async def _next(events: Any) -> Recorded[Event] | None:
    return await anext(events, None)
