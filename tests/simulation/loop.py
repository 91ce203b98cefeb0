"""An event loop whose time is made up: nothing waits for real, and the same calls come in the same order every time.

Every callback belongs to a host: to whatever was named in ``HOST`` when it was scheduled. A host that is halted has its
callbacks kept until it wakes up, those of one that is dead never run again.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

HOST: contextvars.ContextVar[Host | None] = contextvars.ContextVar("HOST", default=None)
TURNS_MAX = 60_000
"""Callbacks in one run: beyond them it goes round in circles."""


class Host:
    """A machine, as far as a loop must know it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.halted = False
        self.kept: list[Handle] = []


class StuckError(Exception):
    """Everybody waits, and nothing will ever happen again; or too much happens."""


class Handle(asyncio.TimerHandle):
    """A callback and whose it is."""

    __slots__ = ("host",)

    def __init__(
        self, when: float, callback: Callable[..., object], args: Any, loop: Loop, context: contextvars.Context | None
    ) -> None:
        # What its bases set, without their calls: some thousand are made in a run, and a run takes some hundredths of a second.
        self._when, self._callback, self._args, self._loop = when, callback, args, loop
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = self._scheduled = False
        self._repr = self._source_traceback = None
        self.host: Host | None = self._context.get(HOST)


class Errand:
    """A callback of nobody's, that nobody can cancel."""

    __slots__ = ("_run",)
    host: Host | None = None
    _cancelled = False

    def __init__(self, callback: Callable[[], object]) -> None:
        self._run = callback


class Loop(asyncio.BaseEventLoop):
    """Runs callbacks in the order in which they were scheduled, and timers when nothing else is left to do."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._soon: deque[Handle | Errand] = deque()
        self._timers: list[tuple[float, int, Handle | Errand]] = []
        self._number = count()
        self._hosts: dict[Host, None] = {}
        self.tasks: list[asyncio.Task[Any]] = []
        self.over = False
        self._broken: BaseException | None = None

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(self._now, callback, args, self, context)
        self._soon.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._number), handle))
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(self._now + delay, callback, args, self, context)
        heapq.heappush(self._timers, (handle._when, next(self._number), handle))
        return handle

    def call_elsewhere(self, seconds: float, callback: Callable[[], object]) -> None:
        """Call it so much later, on the host of nobody."""
        heapq.heappush(self._timers, (self._now + seconds, next(self._number), Errand(callback)))

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        # Kept to the end: a task that vanished with its host would otherwise be ended by the garbage collector, anywhere.
        self.tasks.append(task := super().create_task(coro, **options))
        return task

    def call_exception_handler(self, context: Any) -> None:
        """An error in a callback is the end. Those that nobody asked for are of hosts that are gone."""
        if "handle" in context and self._broken is None:
            self._broken = context["exception"]

    def wake(self, host: Host) -> None:
        """Let a host go on, with everything that has happened to it meanwhile."""
        host.halted = False
        self._soon.extend(host.kept)
        host.kept = []

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays where it is, and does nothing when its time comes."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run until this is done. ``StuckError`` when it never will be."""
        asyncio.events._set_running_loop(self)
        try:
            main = self.create_task(work)
            self._turn_until(main.done)
            found: T = main.result()
            return found
        finally:
            self._end()
            asyncio.events._set_running_loop(None)
            self.close()

    def _turn_until(self, done: Callable[[], bool]) -> None:
        # One function without calls of its own: a run takes some thousand turns in some hundredths of a second.
        soon, timers, turns = self._soon, self._timers, 0
        while not done():
            if soon:
                handle = soon.popleft()
            elif timers:
                when, _, handle = heapq.heappop(timers)
                if handle._cancelled:
                    continue
                if when > self._now:
                    self._now = when
            else:
                raise StuckError(f"nothing will ever happen again, at {self._now:.3f} s")
            host = handle.host
            if handle._cancelled:
                pass
            elif host is None or not (host.halted or host.dead):
                handle._run()
            elif isinstance(handle, Handle):
                host.kept.append(handle)
                self._hosts[host] = None
            if self._broken is not None:
                raise self._broken
            if (turns := turns + 1) > TURNS_MAX:
                raise StuckError(f"no end after {TURNS_MAX} callbacks, at {self._now:.3f} s")

    def _end(self) -> None:
        """Cancel whatever still waits, on all hosts, so that nothing of this run is left for a later one."""
        self.over = True
        self._timers.clear()
        for _ in range(20):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            for host in self._hosts:
                self.wake(host)
            while self._soon:
                handle = self._soon.popleft()
                if not handle._cancelled:
                    handle._run()
