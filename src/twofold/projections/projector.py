"""The subscriber behind the engine: loads the rows that a page touches, folds, and saves them with the checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from twofold.errors import FoldError, OutcomeUnknownError, StoreError, StoreUnavailableError
from twofold.messages import Event, Recorded
from twofold.projections.definition import by_name
from twofold.projections.fold import Projection
from twofold.projections.port import Advance, ReadStore
from twofold.projections.shelf import Shelf
from twofold.projections.table import Changes, Key
from twofold.subscriptions import Advanced, Checkpoint, Delivery, Fenced, Outcome, Stopped


class Folded(msgspec.Struct, frozen=True):
    """A delivery after its fold: the step to take, and the error that ended it early, if one did."""

    advance: Advance
    changed: Mapping[Key, Any]
    error: FoldError | None = None


class Projector:
    """Keeps read models up to date. It remembers at most ``rows_max`` rows in all, so that hot ones are not loaded."""

    def __init__(self, reads: ReadStore, projections: Collection[Projection], *, rows_max: int = 50_000) -> None:
        self._reads = reads
        self._projections = by_name(projections)
        self._shelves: dict[str, Shelf[Key, Any]] = {
            name: Shelf(rows_max // len(self._projections)) for name in self._projections
        }

    @property
    def interests(self) -> Mapping[str, frozenset[str]]:
        return {name: projection.types for name, projection in self._projections.items()}

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        return await self._reads.checkpoints(names)

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        try:
            return await self._save(await asyncio.gather(*(self._fold(delivery) for delivery in deliveries)))
        except BaseException:
            # Whatever it was, rows have been changed here that may not be changed there.
            for delivery in deliveries:
                self._shelves[delivery.name].clear()
            raise

    async def _fold(self, delivery: Delivery) -> Folded:
        """Fold the page, or what stands before the first event that cannot be folded."""
        projection = self._projections[delivery.name]
        events, end = delivery.events, delivery.end
        error: FoldError | None = None
        changed: Mapping[Key, Any] | None = None
        while changed is None:
            try:
                changed = await self._changed(projection, events)
            except FoldError as failed:
                # The fold may have left a row half changed, so what stands before is folded again from kept rows.
                self._shelves[delivery.name].clear()
                error = failed
                events = [event for event in events if event.position < failed.position]
                end = delivery.start.moved(failed.position - 1, events)
        changes = (Changes(projection.table, list(changed.values())),) if changed else ()
        return Folded(Advance(delivery.name, delivery.start, end, changes), changed, error)

    async def _changed(self, projection: Projection, events: Sequence[Recorded[Event]]) -> Mapping[Key, Any]:
        touches, keys = projection.touches(events)
        rows, missing = self._shelves[projection.name].find(keys)
        if missing:
            projection.refuse_misfits(touches, missing)
            loaded = await self._reads.load(projection.table, missing)
            rows.update(zip(map(projection.row_key, loaded), loaded, strict=True))
        return projection.fold(touches, rows)

    async def _save(self, folded: Sequence[Folded]) -> list[Outcome]:
        try:
            saved = await self._reads.save([each.advance for each in folded])
        except (StoreUnavailableError, OutcomeUnknownError):
            raise  # To be made again: what was kept after all fences the second attempt.
        except StoreError as error:
            # Something that the database will not take: one by one, so that it stops nobody but the one it is of.
            if len(folded) > 1:
                return [outcome for each in folded for outcome in await self._save([each])]
            self._shelves[folded[0].advance.name].clear()
            return [Stopped(folded[0].advance.start, error)]
        return [self._outcome(each, done) for each, done in zip(folded, saved, strict=True)]

    def _outcome(self, folded: Folded, saved: bool) -> Outcome:
        shelf = self._shelves[folded.advance.name]
        if not saved:
            shelf.clear()
            return Fenced()
        shelf.put(folded.changed)
        return Stopped(folded.advance.end, folded.error) if folded.error else Advanced()
