"""The subscriber that fills a generation: it folds in memory, page after page, and writes in large steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from twofold.errors import FoldError, StoreRefusedError
from twofold.projections.folding import Folding, SpoiledError
from twofold.projections.group import Group
from twofold.projections.hoard import Hoard
from twofold.projections.lot import Lot, count_parked
from twofold.projections.parking import Parking
from twofold.projections.port import Advance, ReadStore
from twofold.projections.projector import Projector
from twofold.subscriptions import Advanced, Checkpoint, Delivery, Fenced, Note, Outcome
from twofold.subscriptions.partition import whole

ROWS_MAX = 100_000
"""Rows that a rebuild keeps in memory: those that have changed and were not written yet, and as many that were."""

BUSY_ROWS_MAX = 10_000
"""Rows that are written at a time while others write too: on SQLite they wait for a transaction of 50 to 100 ms."""

EVENTS_MAX = 1_000_000
"""Events that a rebuild folds before it writes what became of them: some seconds of work, which a kill may cost."""


class Builder:
    """Fills the tables of one group. What it has not written yet is lost with it, and folded again from the checkpoint.

    A key that cannot take an event is parked in memory, as live folds do it, at most ``parked_max`` of each read model. The first
    event of each type that leaves a row half changed spoils the step in hand, which is done again. So do an event for which
    nothing can be parked and a row that the database refuses: then the page with the event, or the stretch with the row, is folded
    and written as live events are.

    While others are at work (``is_busy``) the steps are small. ``renewed`` gives the group again, with the letters that are left
    out now: a crash may have taken back some.
    """

    def __init__(
        self,
        reads: ReadStore,
        group: Group,
        *,
        rows_max: int = ROWS_MAX,
        events_max: int = EVENTS_MAX,
        parked_max: int = 0,
        renewed: Callable[[], Awaitable[Group]] | None = None,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_busy = is_busy
        self._reads, self._group, self._renewed = reads, group, renewed
        self._rows_max, self._events_max, self._parked_max = rows_max, events_max, parked_max
        self._events = 0
        self._hoard = Hoard(reads, group.projections)
        self._folding = Folding(group.projections, rows_max=rows_max * len(group.projections))
        self._lot = Lot(reads, group.projections, parked_max=parked_max)
        self._careful_until = 0
        self._failed = Counter[int]()

    @property
    def interests(self) -> Mapping[str, frozenset[str]]:
        return {self._group.name: self._group.types}

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        return await self._reads.checkpoints(names)

    async def resume(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        self._begin_again()
        self._group = await self._renewed() if self._renewed is not None else self._group
        found = await self._reads.checkpoints(names)
        if self._group.name not in found and (found or whole(self._group.name) != self._group.name):
            raise StoreRefusedError(
                f"{self._group.name} is filled in {len(found)} shares"
                if found
                else f"{self._group.name} was put together with the other shares",
                reason="shared",
                remedy="Whoever leads the build goes on with what there is.",
            )
        await self._lot.read([self._group])
        return found

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        return await self._reads.notes(names)

    async def note(self, name: str, note: Note | None) -> None:
        await self._reads.note(name, note)

    async def parked(self, names: Collection[str]) -> Mapping[str, int]:
        return await count_parked(self._reads, [self._group])

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        return [await self._take(each) for each in deliveries]

    async def flush(self) -> bool:
        """Write what is in memory. False, with all of that forgotten, when somebody else has moved the checkpoint."""
        advance = self._hoard.advance
        if advance is None:
            return True
        if not await self._lot.fits(advance.parked):
            self._begin_again(careful_until=advance.end.position)
            return False
        try:
            (saved,) = await self._reads.save([advance])
        except StoreRefusedError:
            self._begin_again(careful_until=advance.end.position)
            return False
        if not saved:
            self._begin_again()
            return False
        self._hoard.clear()
        self._events = 0
        return True

    async def _take(self, delivery: Delivery) -> Outcome:
        # Before the page is taken: should the database be away, the same page comes again, and must not be in here already.
        rows_max = min(self._rows_max, BUSY_ROWS_MAX) if self._is_busy() else self._rows_max
        is_due = self._hoard.count >= rows_max or self._events >= self._events_max
        if is_due and not await self.flush():
            return Fenced()
        if delivery.start.position < self._careful_until or self._is_unfoldable(delivery):
            return await self._take_carefully(delivery)
        parking = Parking(self._lot.has_room_for, [])
        try:
            page, changes = await self._folding.changed(
                self._hoard,
                self._group,
                delivery.events,
                self._lot.of(self._group),
                parking=parking,
                are_kept=False,
            )
        except FoldError as failed:
            self._begin_again()
            self._failed[failed.position] += 1
            return Fenced()
        except SpoiledError:
            self._begin_again(careful_until=delivery.end.position)
            return Fenced()
        except BaseException:
            self._begin_again()
            raise
        letters = page.letters if page.parks else ()
        advance = Advance(delivery.name, delivery.start, delivery.end, changes, parked=parking.new, letters=letters)
        self._hoard.add(advance, page)
        self._lot.add(self._group, parking.new)
        self._folding.keep(page)
        self._events += len(delivery.events)
        return Advanced()

    async def _take_carefully(self, delivery: Delivery) -> Outcome:
        if not await self.flush():
            return Fenced()
        # Somebody else changes rows now, one for each page, so that nothing is remembered.
        self._folding.forget(self._group)
        careful = Projector(self._reads, self._group.projections, groups=[self._group], parked_max=self._parked_max)
        await careful.resume([self._group.name])
        (outcome,) = await careful.deliver([delivery])
        if isinstance(outcome, Advanced):
            await self._lot.read([self._group])
        return outcome

    def _is_unfoldable(self, delivery: Delivery) -> bool:
        """Whether it has an event that could not be folded even over rows that are copied before it."""
        within = range(delivery.start.position + 1, delivery.end.position + 1)
        return any(times > 1 and position in within for position, times in self._failed.items())

    def _begin_again(self, *, careful_until: int = 0) -> None:
        """Forget what was not written: the checkpoint says where to go on."""
        self._hoard.clear()
        self._events = 0
        self._folding.forget(self._group)
        self._careful_until = max(self._careful_until, careful_until)
