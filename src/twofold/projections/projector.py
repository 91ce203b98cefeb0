"""The subscriber behind the engine: loads the rows that a page touches, folds, and saves them with the checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import msgspec

from twofold.errors import FoldError, OutcomeUnknownError, StoreError, StoreRefusedError, StoreUnavailableError
from twofold.projections.audience import Audience, commit_of
from twofold.projections.blame import blamed, is_of_an_event
from twofold.projections.definition import by_name
from twofold.projections.deployment import split_before, superseded
from twofold.projections.folding import Folding
from twofold.projections.group import Group, Page, groups_of, left_out
from twofold.projections.lot import Lot, count_parked
from twofold.projections.parking import Parked, Parking, parked_by
from twofold.projections.port import Advance, Arrangement, ReadStore
from twofold.projections.projection import Projection
from twofold.projections.sql import SqlProjection
from twofold.subscriptions import Advanced, Checkpoint, Delivery, Fenced, Note, Outcome, Stopped
from twofold.subscriptions.partition import count_of, partition_names, whole


class Folded(msgspec.Struct, frozen=True):
    """A delivery after its fold: the step to take, what became of the rows, and the error that ended it early, if any."""

    delivery: Delivery
    group: Group
    advance: Advance
    page: Page | None = None
    error: FoldError | None = None


class Projector:
    """Keeps read models up to date. It remembers at most ``rows_max`` rows in all, so that hot ones are not loaded.

    A key that cannot be folded is parked, at most ``parked_max`` of each read model; then it stops.
    ``groups`` says how the projections go together, where that is not what they say themselves.
    The ``audience`` is told what became of rows, before anybody hears that the subscription has advanced.
    """

    def __init__(
        self,
        reads: ReadStore,
        projections: Collection[Projection],
        sql_projections: Collection[SqlProjection] = (),
        *,
        groups: Sequence[Group] | None = None,
        audience: Audience | None = None,
        watches_code: bool = False,
        rows_max: int = 50_000,
        parked_max: int = 0,
    ) -> None:
        self._reads = reads
        self._audience = audience or Audience()
        self._watches_code = watches_code
        self._tell_superseded: Callable[[Group, StoreRefusedError], None] = lambda group, error: None
        self._held: set[str] = set()
        self._superseded: dict[str, StoreRefusedError] = {}
        found = groups_of(by_name(projections).values(), sql_projections) if groups is None else groups
        self._wholes = {group.subscription: group for group in found}
        self._types = {group.subscription: group.types for group in found}
        self._groups: dict[str, Group] = {}
        self._counts: dict[str, int] = {}
        for group in found:
            self._split(group, group.partitions)
        self._folding = Folding(projections, rows_max=rows_max, followed=self._audience.followed)
        self._lot = Lot(reads, projections, parked_max=parked_max)

    @property
    def interests(self) -> Mapping[str, frozenset[str]]:
        return {name: self._types[each] for name in self._groups if (each := whole(name)) not in self._held}

    def on_superseded(self, tell: Callable[[Group, StoreRefusedError], None]) -> None:
        """Call it when what serves of a group turns out to be made by other code: from then on it is held."""
        self._tell_superseded = tell

    def hold(self, names: Collection[str]) -> None:
        """Do not follow just these until they are released: what serves of them is not this code's."""
        self._held = set(names)

    def release(self, name: str) -> None:
        """Follow it from now on. Its rows may all be others."""
        self._held.discard(name)
        self._superseded.pop(name, None)
        self._audience.upset(self._tables(name), "replaced")

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        subscriptions = list(dict.fromkeys(map(whole, names)))
        found = await self._reads.checkpoints(subscriptions)
        for name in subscriptions:
            if name in self._wholes:
                self._split(self._wholes[name], count_of(each for each in found if whole(each) == name))
        return found

    async def resume(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        for name in names:
            self._forget(name)  # Others may have moved it meanwhile, or a crash has rewound it.
        found = await self.checkpoints(names)
        await self._see_who_is_superseded([*map(whole, names)])
        groups = [self._groups[name] for name in names if name in self._groups]
        await self._lot.read(groups)
        await self._leave_out(groups, found)
        return found

    async def _leave_out(self, groups: Sequence[Group], found: Mapping[str, Checkpoint]) -> None:
        """Letters that were skipped are passed again by a generation that was taken back: they stay left out."""
        skipped = await self._reads.skipped([each.name for group in groups for each in group.projections])
        for group in groups if skipped else ():
            at = found[group.name].position if group.name in found else 0
            ahead = left_out([letter for letter in skipped if letter.position > at], group)
            if group.name in self._groups:
                self._groups[group.name] = msgspec.structs.replace(
                    group, skipped={name: {*group.skipped.get(name, ()), *some} for name, some in ahead.items()}
                )

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        await self._begin(deliveries)
        subscriptions = [whole(delivery.name) for delivery in deliveries]
        if not self._superseded.keys().isdisjoint(subscriptions):  # It may be this code's again by now.
            await self._see_who_is_superseded(subscriptions)
        if self._superseded.keys().isdisjoint(subscriptions) and all(map(self._is_followed, deliveries)):
            try:
                return await self._deliver(deliveries)
            except StoreRefusedError:
                # Other code may have put tables of other columns in their place: that stops nobody but its own.
                await self._see_who_is_superseded(subscriptions)
                if self._superseded.keys().isdisjoint(subscriptions):
                    raise
        return [await self._deliver_or_not(delivery) for delivery in deliveries]

    def _is_followed(self, delivery: Delivery) -> bool:
        """Whether there still is such a partition."""
        return delivery.name in self._groups

    async def _deliver_or_not(self, delivery: Delivery) -> Outcome:
        if (error := self._superseded.get(whole(delivery.name))) is not None:
            return Stopped(delivery.start, error, here=True)
        if not self._is_followed(delivery):
            return Fenced()  # It is split in another way by now.
        (outcome,) = await self._deliver([delivery])
        return outcome

    async def _deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        try:
            return await self._save(await self._folded(deliveries))
        except BaseException:
            # Whatever it was, rows have been changed here that may not be changed there.
            for delivery in deliveries:
                self._forget(delivery.name)
            raise

    async def _folded(self, deliveries: Sequence[Delivery]) -> Sequence[Folded]:
        """All of them side by side. Where one fails, the others come to their end first: one that went on would change rows
        that the next attempt remembers."""
        folds = [self._fold(delivery, self._groups[delivery.name]) for delivery in deliveries]
        found = await asyncio.gather(*folds, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each for each in found if not isinstance(each, BaseException)]

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        return await self._reads.notes(names)

    async def note(self, name: str, note: Note | None) -> None:
        await self._reads.note(name, note)

    async def parked(self, names: Collection[str]) -> Mapping[str, int]:
        return await count_parked(self._reads, [self._groups[name] for name in names if name in self._groups])

    def _split(self, group: Group, count: int) -> None:
        """Follow a group in so many partitions: as many as are kept (0: none yet), whatever this code would like."""
        self._counts[group.subscription] = count
        names = partition_names(group.name, (count or group.partitions) if group.splittable else 1)
        if not self._groups.keys() >= set(names):
            for name in [each for each in self._groups if whole(each) == group.subscription]:
                del self._groups[name]
            self._groups |= {each.name: each for each in group.split(len(names))}

    async def _begin(self, deliveries: Sequence[Delivery]) -> None:
        """Let it be known which partitions there are before the first of them moves. Whoever is first decides."""
        for name, start in {whole(each.name): each.start for each in deliveries if each.start.position == 0}.items():
            names = [each for each in self._groups if whole(each) == name]
            if len(names) > 1:
                await self._reads.arrange(Arrangement(name, {}, dict.fromkeys(names, start)))

    async def _see_who_is_superseded(self, names: Collection[str]) -> None:
        """Whoever was fenced may have been so by a generation that other code has made."""
        groups = (
            [self._wholes[name] for name in dict.fromkeys(names) if name in self._wholes] if self._watches_code else []
        )
        noted = await self._reads.generations([group.name for group in groups]) if groups else ()
        for group in groups:
            self._superseded.pop(group.name, None)
            error = superseded(group, noted) or split_before(group, self._counts.get(group.name, 0))
            if error is not None:
                self._superseded[group.name] = error
                self._held.add(group.name)
                self._tell_superseded(group, error)

    async def _fold(self, delivery: Delivery, group: Group, given: Sequence[Parked] = ()) -> Folded:
        """Fold the page, parking keys that cannot be folded, or what stands before the first event that nobody can place."""
        if (sql := group.sql) is not None:
            work = partial(sql.take, delivery.events) if delivery.events else None
            advance = Advance(delivery.name, delivery.start, delivery.end, work=work, layout=sql.layout)
            return Folded(delivery, group, advance)
        events, end = delivery.events, delivery.end
        error: FoldError | None = None
        parking = Parking(self._lot.has_room_for, list(given))
        while True:
            try:
                page, changes = await self._folding.changed(
                    self._reads, group, events, self._lot.of(group, parking.new), parking=parking
                )
            except FoldError as failed:
                # The fold may have left a row half changed, so it is all folded again from kept rows.
                self._folding.forget(group)
                if parking.park(failed):
                    continue
                error = self._lot.told(failed, parking.new)
                events = [event for event in events if event.position < failed.position]
                parking.new = [each for each in parking.new if each.since < failed.position]
                end = delivery.start.moved(failed.position - 1, events)
            else:
                letters = page.letters if page.parks else ()
                advance = Advance(delivery.name, delivery.start, end, changes, parked=parking.new, letters=letters)
                return Folded(delivery, group, advance, page, error)

    async def _save(self, folded: Sequence[Folded]) -> list[Outcome]:
        try:
            saved = await self._reads.save([each.advance for each in folded])
        except (StoreUnavailableError, OutcomeUnknownError):
            raise  # To be made again: what was kept after all fences the second attempt.
        except (StoreError, FoldError) as error:
            # Something that the database will not take: one by one, so that it stops nobody but the one it is of.
            if len(folded) > 1:
                return [outcome for each in folded for outcome in await self._save([each])]
            self._forget(folded[0].advance.name)
            told = blamed(folded[0].page, error)
            parking = folded[0].advance.parked
            if isinstance(told, FoldError) and self._lot.has_room_for(told, parking):
                (each,) = folded
                return await self._save([await self._fold(each.delivery, each.group, [*parking, parked_by(told)])])
            return [Stopped(folded[0].advance.start, told, anywhere=is_of_an_event(error))]
        return [self._outcome(each, done) for each, done in zip(folded, saved, strict=True)]

    def _outcome(self, folded: Folded, saved: bool) -> Outcome:
        if not saved:
            self._forget(folded.advance.name)
            self._audience.upset(self._tables(folded.advance.name))  # Whoever was faster has changed any of them.
            return Fenced()
        if folded.page is None:  # Which of its tables SQL has written to, only it knows.
            self._audience.upset(self._tables(folded.advance.name))
        else:
            self._audience.tell(commit_of(folded.advance, folded.page))
            self._folding.keep(folded.page)
            self._lot.add(folded.group, folded.advance.parked)
        return Stopped(folded.advance.end, folded.error) if folded.error else Advanced()

    def _tables(self, name: str) -> Collection[str]:
        return self._wholes[whole(name)].tables

    def _forget(self, name: str) -> None:
        if whole(name) in self._wholes:
            self._folding.forget(self._wholes[whole(name)])
