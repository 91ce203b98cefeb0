"""Dead letters: what parked keys have not taken, and how a key takes its events after all, in order, with no gap and no double."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from itertools import count
from typing import Any

import msgspec

from twofold.errors import ConflictError, FoldError, InvalidInputError, NotFoundError, StoreRefusedError
from twofold.messages import Event, Recorded, Registry
from twofold.projections.audience import Audience, turned
from twofold.projections.deployment import told_of_columns
from twofold.projections.group import Group, groups_of, left_out
from twofold.projections.parking import Parked, key_from, key_text
from twofold.projections.port import ReadStore, Unparking
from twofold.projections.projection import Projection
from twofold.projections.stretch import Commit
from twofold.projections.table import Changes, Key
from twofold.store.criteria import Criteria
from twofold.store.port import EventStore, Row
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import count_of

ATTEMPTS_MAX = 20
"""How often a retry begins again because the key got more letters meanwhile."""


class Retried(msgspec.Struct, frozen=True):
    """What a retry came to: the row as it is kept and as its events make it (None: no row), or the error that they meet."""

    parked: Parked
    letters: int
    before: Any
    after: Any
    error: FoldError | None = None
    unparked: bool = False


class DeadLetters:
    """The parked keys of an app's read models."""

    def __init__(
        self,
        log: EventStore,
        registry: Registry,
        reads: ReadStore,
        projections: Collection[Projection],
        *,
        audience: Audience | None = None,
    ) -> None:
        self._log, self._registry, self._reads = log, registry, reads
        self._audience = audience or Audience()
        self._groups = {each.name: group for group in groups_of(projections) for each in group.projections}
        self._projections = {each.name: each for each in projections}

    async def parked(self, read_model: str | None = None) -> Sequence[Parked]:
        """What is parked, of one read model or all."""
        if read_model is not None and read_model not in self._projections:
            raise NotFoundError("read model", read_model, remedy=f"There are: {', '.join(sorted(self._projections))}.")
        return await self._reads.parked([read_model] if read_model is not None else sorted(self._projections))

    async def letters(self, parked: Parked) -> Sequence[Recorded[Event]]:
        """The events that a parked key has not taken, in order; the first is why it was parked."""
        return await self._events(await self._reads.letters(parked.read_model, parked.key))

    async def rows(self, parked: Parked) -> AsyncIterator[Row]:
        """The same events as the log holds them, whether this program can read them or not."""
        async for row in self._rows(await self._reads.letters(parked.read_model, parked.key)):
            yield row

    async def retry(self, parked: Parked, *, dry_run: bool = False, skip_reason: str | None = None) -> Retried:
        """Fold a parked key's events through the code as it is now, and let the key go if all of them could be taken.

        With ``skip_reason`` the first of them, which it was parked for, is left out for good, and the reason is kept.
        A dry run changes nothing. Raises ``NotFoundError`` for a key that is not parked any more, and ``StoreRefusedError``
        where other code serves whose table has other columns.
        """
        if skip_reason is not None and not skip_reason.strip():
            raise InvalidInputError("No reason was given", what="reason", remedy="Say why, for whoever asks later.")
        for attempt in count(1):
            name, epoch = await self._fence_of(parked)  # First: what is read later may be of a later generation.
            letters = await self._reads.letters(parked.read_model, parked.key)
            if not letters:
                raise NotFoundError("parked key", f"{parked.key} of {parked.read_model}")
            skipped = letters[:1] if skip_reason is not None else ()
            retried, changes = await self._folded(parked, letters[len(skipped) :])
            if dry_run or retried.error is not None:
                return retried
            unparking = Unparking(
                name,
                epoch,
                parked.read_model,
                parked.key,
                letters,
                changes,
                skipped,
                skip_reason or "",
            )
            try:
                end = await self._reads.unpark(unparking)
            except StoreRefusedError as error:
                return await self._refused(retried, error)
            if end is not None:
                self._tell(unparking, retried, end)
                return msgspec.structs.replace(retried, unparked=True)
            if attempt >= ATTEMPTS_MAX:
                raise ConflictError(
                    stream=f"{parked.read_model} {parked.key}", expected=len(letters), found=len(letters) + 1
                )
        raise AssertionError("count() has no end")

    async def _fence_of(self, parked: Parked) -> tuple[str, int]:
        """The partition that a parked key belongs to, and the epoch of its checkpoint."""
        group, table = self._groups[parked.read_model], self._projections[parked.read_model].table
        found = await self._reads.checkpoints([group.name])
        name = group.part_of(key_from(table, parked.key), count_of(found) or 1)
        return name, found[name].epoch if name in found else 1

    async def _refused(self, retried: Retried, error: StoreRefusedError) -> Retried:
        """What a retry comes to whose row the database will not take. ``StoreRefusedError`` where other code serves."""
        other = await told_of_columns(self._reads, self._groups[retried.parked.read_model], error)
        if other is not error or error.reason != "value":
            raise other from error
        failed = _told(retried.parked, error.fact).with_remedy("Mend the fold and retry, or skip the event.")
        return msgspec.structs.replace(retried, after=None, error=failed)

    def _tell(self, unparking: Unparking, retried: Retried, end: Checkpoint) -> None:
        projection = self._projections[unparking.read_model]
        was = [projection.copied(retried.before)] if retried.before is not None else []
        before = {projection.row_key(row): row for row in was}
        rows = [row for each in unparking.changes for row in turned(projection, each, before)]
        start = msgspec.structs.replace(end, epoch=end.epoch - 1)
        self._audience.tell(Commit(unparking.subscription, start, end, [projection.name], {projection.name: rows}))

    async def _folded(self, parked: Parked, letters: Sequence[int]) -> tuple[Retried, Sequence[Changes]]:
        projection = self._projections[parked.read_model]
        group = self._groups[parked.read_model].about(projection)
        key = key_from(projection.table, parked.key)
        try:
            found = await self._reads.load(projection.table, [key])
        except StoreRefusedError as error:
            raise await told_of_columns(self._reads, group, error) from error
        before = msgspec.json.encode(found[0]) if found else None
        letters_skipped = await self._reads.skipped([each.name for each in group.projections])
        group = msgspec.structs.replace(group, skipped=left_out(letters_skipped, group))
        replay = Replay(group, projection, key, found)
        failed: FoldError | None = None
        try:
            for events in await self._pages(group, letters, whole=projection.looks_up):
                replay.take(events, frozenset(letters))
            await self._refuse_taken(parked, replay)
        except FoldError as error:
            failed = error.with_remedy("Mend the fold and retry, or skip the event.")
        kept = msgspec.json.decode(before, type=projection.cls) if before is not None else None
        after = None if failed is not None else replay.row
        return Retried(parked, len(letters), kept, after, failed), replay.changes if failed is None else ()

    async def _refuse_taken(self, parked: Parked, replay: Replay) -> None:
        """``FoldError`` if the row moved to a key that has a row by now, or takes none."""
        if not replay.moved_to:
            return
        taken = await self._reads.load(self._projections[parked.read_model].table, replay.moved_to)
        waiting = {each.key for each in await self._reads.parked([parked.read_model])}
        if taken or not waiting.isdisjoint(map(key_text, replay.moved_to)):
            why = "under which there is a row already" if taken else "which is parked"
            raise _told(parked, f"it moves to the key {replay.moved_to[0]!r}, {why}")

    async def _pages(self, group: Group, letters: Sequence[int], *, whole: bool) -> Sequence[Sequence[Recorded[Event]]]:
        """The events to fold: the letters, or all of the log up to the last where other rows must be seen as they were."""
        if not whole:  # What the code does not fold any more passes by.
            return [[event for event in await self._events(letters) if event.type in group.types]]
        pages, after, last = list[Sequence[Recorded[Event]]](), 0, letters[-1] if letters else 0
        while after < last:
            page = await self._log.read(after=after, criteria=Criteria.of(types=group.types))
            pages.append([event for event in self._registry.page(page.rows) if event.position <= last])
            after = page.reached
        return pages

    async def _events(self, positions: Sequence[int]) -> Sequence[Recorded[Event]]:
        return self._registry.page([row async for row in self._rows(positions)])

    async def _rows(self, positions: Sequence[int]) -> AsyncIterator[Row]:
        for position in positions:
            for row in (await self._log.read(after=position - 1, count_max=1)).rows:
                yield row


def _told(parked: Parked, reason: str) -> FoldError:
    """What keeps a key parked, told of the event that it was parked for."""
    return FoldError(
        parked.read_model, event_type=parked.event_type, position=parked.since, key=parked.key, reason=reason
    )


class Replay:
    """One key on its way through its letters. Rows that its folds look up are made from the beginning of the log."""

    def __init__(self, group: Group, projection: Projection, key: Key, rows: Sequence[Any]) -> None:
        self._group, self._projection, self._key = group, projection, key
        self._existed = bool(rows)
        self._rows: Mapping[type[Any], dict[Key, Any]] = {each.cls: {} for each in group.projections}
        self._rows[projection.cls].update((key, row) for row in rows)

    def take(self, events: Sequence[Recorded[Event]], letters: frozenset[int]) -> None:
        """Fold a page: of the key only its letters, of other read models everything that may be looked up."""
        page = self._group.page(events)
        for cls, fold in page.folds.items():
            fold.rows.update(self._rows[cls])
        page.keep_only(self._projection.cls, self._key, letters)
        page.fold()
        for cls, fold in page.folds.items():
            for key, row in fold.changed.items():
                self._rows[cls].pop(key, None)
                if row is not None:
                    self._rows[cls][key] = row

    @property
    def row(self) -> Any:
        """The row after what was taken; None if there is none under its key."""
        return self._rows[self._projection.cls].get(self._key)

    @property
    def moved_to(self) -> Sequence[Key]:
        """Under which other keys its row stands now."""
        return [key for key in self._rows[self._projection.cls] if key != self._key]

    @property
    def changes(self) -> Sequence[Changes]:
        """What becomes of the rows of the read model."""
        rows = self._rows[self._projection.cls]
        gone = [self._key] if self._existed and self._key not in rows else []
        return [Changes(self._projection.table, list(rows.values()), gone)]
