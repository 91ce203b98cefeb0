"""Group commit: while one flush is in flight, new appends queue, and the next flush takes them all."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TypeAlias

from twofold.errors import ConflictError, KeyReusedError, OutcomeUnknownError, StoreError
from twofold.store.limits import checked
from twofold.store.port import (
    Append,
    Appended,
    CriteriaConflict,
    EventStore,
    KeyReused,
    Refused,
    StreamConflict,
    Verdict,
)

IMPOSSIBLE_VERSION = 2**63 - 1

HALVES_MIN = 16
"""From how many events on the callers of one flush may be woken in two halves."""


Batch: TypeAlias = list[tuple[Append, asyncio.Future[Verdict]]]
Judged: TypeAlias = list[tuple[asyncio.Future[Verdict], Verdict]]


class Appender:
    """The one door of a process to ``EventStore.append``; each caller gets the verdict on its own append.

    A flush takes at most ``appends_max`` appends, ``events_max`` events and ``bytes_max`` bytes of data. When the
    outcome of a flush is unknown, appends with a key are sent again until the store answers, at most
    ``retry_seconds`` long: the key makes that safe. ``halves`` is for a database that works on a processor of its own:
    then half of the callers decide while the other half's events are written.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        appends_max: int = 1024,
        events_max: int = 10_000,
        bytes_max: int = 16 << 20,
        flights_max: int = 1,
        retry_seconds: float = 10.0,
        halves: bool = False,
    ) -> None:
        self._store = store
        self._appends_max, self._events_max, self._bytes_max = appends_max, events_max, bytes_max
        self._flights_max = flights_max
        self._retry_seconds = retry_seconds
        self._halves = halves
        self._queue: deque[tuple[Append, asyncio.Future[Verdict]]] = deque()
        self._flights: set[asyncio.Task[None]] = set()

    async def append(self, append: Append) -> Appended:
        """Commit one append durably, or say why not.

        Raises ``InvalidInputError``, ``ConflictError``, ``KeyReusedError``, ``FoldError`` (a strong read model cannot take
        it), ``StoreUnavailableError`` (nothing was written) or ``OutcomeUnknownError``. If the caller is cancelled meanwhile, the append may still happen.
        """
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._queue.append((checked(append), future))
        self._take_off()
        return _answer(append, await future)

    async def recall(self, key: str, digest: bytes) -> Appended | None:
        """The answer that the key got before, without appending anything; None for a new key.

        Verdicts look at the key first, so an append that expects what can never be tells the old answer or fails.
        """
        probe = Append(events=(), expected={"recall-key": IMPOSSIBLE_VERSION}, key=key, digest=digest)
        try:
            return await self.append(probe)
        except ConflictError:
            return None

    async def close(self) -> None:
        """Wait until everything that was queued has its verdict."""
        while self._queue or self._flights:
            self._take_off()
            await asyncio.wait(set(self._flights))

    def _take_off(self) -> None:
        if self._queue and len(self._flights) < self._flights_max:
            flight = asyncio.get_running_loop().create_task(self._fly())
            self._flights.add(flight)

    async def _fly(self) -> None:
        # A task begins in the next turn of the loop, so everybody who was ready to append in this one is on board.
        flight = asyncio.current_task()
        assert flight is not None
        try:
            judged = await self._flush(self._next_batch())
        finally:
            self._flights.discard(flight)
        self._land(judged)

    def _land(self, judged: Judged) -> None:
        """Start the next flush, if appends wait for it, before waking those whose flush has landed.

        With ``halves`` and nobody waiting, the first half is woken and takes off before the second is: from then on the
        two take turns, and neither the database nor the callers stand idle.
        """
        split = self._halves and not self._queue and len(judged) > 1 and _events(judged) >= HALVES_MIN
        half = len(judged) // 2 if split else len(judged)
        self._take_off()
        _tell(judged[:half])
        if judged[half:]:
            asyncio.get_running_loop().call_soon(self._land, judged[half:])

    def _next_batch(self) -> Batch:
        batch: Batch = []
        events = size = 0
        while self._queue and len(batch) < self._appends_max:
            events += len(self._queue[0][0].events)
            size += _bytes(self._queue[0][0])
            if batch and (events > self._events_max or size > self._bytes_max):
                break
            batch.append(self._queue.popleft())
        return batch

    async def _flush(self, batch: Batch) -> Judged:
        """The verdicts that could be had; whoever gets none has been told why."""
        if not batch:
            return []  # An earlier flight took them all.
        try:
            verdicts = await self._store.append([append for append, _ in batch])
        except OutcomeUnknownError as error:
            return await self._ask_again(batch, error)
        except BaseException as error:  # noqa: BLE001 - each caller gets it, whatever it is, cancellation included.
            _fail(batch, error)
            return []
        return [(future, verdict) for (_, future), verdict in zip(batch, verdicts, strict=True)]

    async def _ask_again(self, batch: Batch, error: OutcomeUnknownError) -> Judged:
        _fail([(append, future) for append, future in batch if append.key is None], error)
        keyed = [(append, future) for append, future in batch if append.key is not None]
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._retry_seconds, 0.05
        while keyed and loop.time() < deadline:
            try:
                verdicts = await self._store.append([append for append, _ in keyed])
            except StoreError:
                # Still unknown: even "nothing was written" speaks of this attempt only, not of the first.
                await asyncio.sleep(min(pause, max(0.0, deadline - loop.time())))
                pause = min(pause * 2, 1.0)
            else:
                return [(future, verdict) for (_, future), verdict in zip(keyed, verdicts, strict=True)]
        for append, future in keyed:
            _fail([(append, future)], OutcomeUnknownError(error.fact, key=append.key))
        return []


def _answer(append: Append, verdict: Verdict) -> Appended:
    if isinstance(verdict, Appended):
        return verdict
    if isinstance(verdict, StreamConflict):
        raise ConflictError(stream=verdict.stream, expected=verdict.expected, found=verdict.found)
    if isinstance(verdict, CriteriaConflict):
        condition = append.conditions[verdict.index]
        raise ConflictError(
            stream=None, criteria=str(condition.criteria), expected=condition.after, found=verdict.found
        )
    if isinstance(verdict, KeyReused):
        raise KeyReusedError(verdict.key)
    assert isinstance(verdict, Refused)
    raise verdict.error


def _events(judged: Judged) -> int:
    return sum(verdict.last - verdict.first + 1 for _, verdict in judged if isinstance(verdict, Appended))


def _tell(judged: Judged) -> None:
    for future, verdict in judged:
        if not future.done():
            future.set_result(verdict)


def _fail(batch: Batch, error: BaseException) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error) if not isinstance(error, asyncio.CancelledError) else future.cancel()


def _bytes(append: Append) -> int:
    return sum(len(event.data) + len(event.metadata) for event in append.events)
