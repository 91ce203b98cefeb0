"""Is what a SQL projection has written right? The log is taken again, twice, and the rows are compared text by text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from twofold.errors import FoldError, StoreRefusedError
from twofold.messages import Event, Recorded, Registry
from twofold.projections.alignment import aligned
from twofold.projections.generations import number_in
from twofold.projections.layout import Layout
from twofold.projections.port import ReadStore
from twofold.projections.refold import PAGE_BYTES_MAX, PAGE_MAX, differing
from twofold.projections.sql import SqlProjection
from twofold.projections.twin import Line, Shape, Twin
from twofold.projections.verification import TOLD_MAX, Difference, Unsure, Verification
from twofold.store.port import EventStore
from twofold.subscriptions import Checkpoint, disagrees
from twofold.subscriptions.pages import Pages


class SqlComparison:
    """Compares the tables of a SQL projection with twins of them, which take the log up to where its checkpoint stands.

    One twin takes it in large pages, the other in pages of one event, of two, of three and so on: where they come to other
    rows, the SQL depends on how the log is cut into pages, or on a clock, chance, or other tables.
    """

    def __init__(
        self, log: EventStore, registry: Registry, reads: ReadStore, subscription: str, projection: SqlProjection
    ) -> None:
        self._log, self._registry, self._reads = log, registry, reads
        self._subscription, self._projection = subscription, projection
        self._layout: Layout = projection.layout
        self._after = 0
        self._small = 0

    async def run(self, tell: Callable[[float], None]) -> Verification:
        """``StoreRefusedError`` where the log is not the one that the rows were made from."""
        number = number_in(self._subscription)
        async with AsyncExitStack() as stack:
            once, again = [await stack.enter_async_context(self._reads.twin(self._layout, number)) for _ in range(2)]
            pages = Pages(self._log, self._registry, count_max=lambda: PAGE_MAX, bytes_max=PAGE_BYTES_MAX)
            stack.push_async_callback(pages.close)
            try:
                # Most of it while others write on; what is left is little, and nobody's rows are held for long.
                await self._take(await self._checked(await self._found()), pages, once, again, tell)
                async with once.still(self._subscription) as checkpoints:
                    until = await self._checked(checkpoints.get(self._subscription))
                    await self._take(until, pages, once, again, tell)
                    return await self._compared(once, again)
            except FoldError as error:
                return Verification(self._projection.name, self._after, failing=[error])

    async def _found(self) -> Checkpoint | None:
        return (await self._reads.checkpoints([self._subscription])).get(self._subscription)

    async def _checked(self, at: Checkpoint | None) -> int:
        """The position of a checkpoint that fits the log, and is not before what the twins have taken."""
        head = await self._log.head()
        at = at or Checkpoint.start(head)
        if refusal := await disagrees(self._log, head, self._subscription, at):
            raise refusal
        if at.position < self._after:
            raise StoreRefusedError(
                f"{self._subscription} went back from position {self._after} to {at.position} while it was verified",
                reason="moved",
                remedy="Verify it again: another generation serves by now, or it is filled anew.",
            )
        return at.position

    async def _take(self, until: int, pages: Pages, once: Twin, again: Twin, tell: Callable[[float], None]) -> None:
        while self._after < until:
            batch = await pages.after(self._after, self._projection.types)
            events = [each for each in batch.events if each.position <= until]
            if events:
                await once.write(partial(self._projection.take, events))
            for some in self._cut_small(events):
                await again.write(partial(self._projection.take, some))
            self._after = min(batch.reached, until)
            tell(self._after / until)

    def _cut_small(self, events: Sequence[Recorded[Event]]) -> Iterator[Sequence[Recorded[Any]]]:
        left = events
        while left:
            self._small += 1
            yield left[: self._small]
            left = left[self._small :]

    async def _compared(self, once: Twin, again: Twin) -> Verification:
        keys, different = 0, 0
        differences, unsure = list[Difference](), list[Unsure]()
        for table in self._layout.tables:
            shape = await once.shape(table)
            tables = once.kept(table, shape), once.lines(table, shape), again.lines(table, shape)
            async for kept, folded, other in aligned(shape, *tables):
                if folded != other:
                    if len(unsure) < TOLD_MAX:
                        unsure.append(Unsure(_key_of(shape, folded or other), _columns(shape, folded, other), table))
                    continue
                keys += 1
                if kept != folded:
                    different += 1
                    if len(differences) < TOLD_MAX:
                        differences.append(_difference(table, shape, kept, folded))
        name = self._projection.name
        return Verification(name, self._after, keys, different, differences=differences, unsure=unsure)


def _difference(table: str, shape: Shape, kept: Line | None, folded: Line | None) -> Difference:
    key = _key_of(shape, kept or folded)
    if kept is None or folded is None:
        return Difference(key, "missing" if kept is None else "too many", table=table)
    both = dict(zip(shape.names, zip(kept, folded, strict=True), strict=True))
    return Difference(key, "different", {name: both[name] for name in _columns(shape, kept, folded)}, table)


def _columns(shape: Shape, one: Line | None, two: Line | None) -> Sequence[str]:
    return differing(shape.names, one, two)


def _key_of(shape: Shape, line: Line | None) -> Any:
    """As keys are told: the value of the one column, or those of several."""
    values = tuple(line[place] for place in shape.places) if line is not None else ()
    return values[0] if len(values) == 1 else values
