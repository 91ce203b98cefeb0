"""Another number of partitions: the checkpoints of a subscription are exchanged, and no row is folded twice or passed over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from math import gcd

from twofold.errors import StoreError
from twofold.messages import Event, Recorded, Registry
from twofold.projections.group import Group
from twofold.projections.port import Arrangement, ReadStore
from twofold.projections.projector import Projector
from twofold.store.criteria import Criteria
from twofold.store.port import EventStore
from twofold.subscriptions import Advanced, Checkpoint, Delivery
from twofold.subscriptions.partition import count_of, partition_names, whole

log = logging.getLogger("twofold.projections")

ARRANGE_SECONDS = 1.0
"""How often it is looked whether partitions can be exchanged that stood too far apart before."""

GAP_MAX = 2000
"""How many positions partitions may stand apart that are to become one: what is folded at once, before others go on."""

ATTEMPTS_MAX = 20
"""How often it begins again because workers were faster."""


class Repartitioning:
    """Brings subscriptions to the number of partitions that this code would like, while workers of any code go on.

    All follow what the database says, so it does not matter who does it. A partition that is split hands its checkpoint
    on; partitions that become one must stand at the same position, so those that are behind are folded up to the foremost
    of them, after a fence that keeps the others from moving on meanwhile. ``projector`` gives one for a single group.
    """

    def __init__(
        self, log: EventStore, registry: Registry, reads: ReadStore, *, projector: Callable[[Group], Projector]
    ) -> None:
        self._log, self._registry, self._reads, self._projector = log, registry, reads, projector

    async def arrange(self, group: Group) -> bool:
        """Whether it is as this code would like it. Not now, if partitions stand far apart, or cannot be folded further."""
        for _ in range(ATTEMPTS_MAX):
            stand = await self._reads.checkpoints([group.name])
            if count_of(stand) in (0, group.partitions):
                return True
            after = exchanged(group, stand)
            if after is not None and await self._reads.arrange(Arrangement(group.name, stand, after)):
                return True
            if after is None and not await self._level(group, stand):
                return False
        return False

    async def _level(self, group: Group, stand: Mapping[str, Checkpoint]) -> bool:
        """Fold those that are behind up to where the foremost stands with which they are to become one."""
        behind = {
            name: max(stand[each].position for each in others)
            for others in _together(group, stand)
            for name in others
            if stand[name].position < max(stand[each].position for each in others)
        }
        if not group.splittable or any(until - stand[name].position > GAP_MAX for name, until in behind.items()):
            return False
        if not await self._reads.arrange(Arrangement(group.name, stand, stand)):
            return True  # They have moved meanwhile: look again.
        projector = self._projector(group)
        fenced = await projector.resume(list(stand))
        for name, until in behind.items():
            if name in fenced and fenced[name].position == stand[name].position:
                events = await self._events(group, fenced[name].position, until)
                delivery = Delivery(name, fenced[name], fenced[name].moved(until, events), events)
                if not isinstance((await projector.deliver([delivery]))[0], Advanced):
                    return (await self._reads.checkpoints([name])) != {name: fenced[name]}
        return True

    async def _events(self, group: Group, after: int, until: int) -> Sequence[Recorded[Event]]:
        found = list[Recorded[Event]]()
        while after < until:
            page = await self._log.read(after=after, criteria=Criteria.of(types=group.types), count_max=GAP_MAX)
            found += [each for each in self._registry.page(page.rows) if each.position <= until]
            after = page.reached
        return found


def exchanged(group: Group, stand: Mapping[str, Checkpoint]) -> dict[str, Checkpoint] | None:
    """The checkpoints of as many partitions as a group is to have; None if some stand apart that are to become one."""
    together = _together(group, stand)
    if any(len({stand[name].position for name in names}) > 1 for names in together):
        return None
    names = partition_names(group.name, group.partitions)
    return {name: stand[together[place % len(together)][0]] for place, name in enumerate(names)}


def _together(group: Group, stand: Mapping[str, Checkpoint]) -> list[list[str]]:
    """The partitions whose keys end up in the same ones. By a remainder: those of a hash by 6 and by 4 share the one by 2."""
    names = partition_names(group.name, count_of(stand))
    count = gcd(len(names), group.partitions)
    return [list(names[place::count]) for place in range(count)]


class Arranging:
    """Brings the read models of a process to the partitions that its code would like: at its start, or in the background.

    What is to be built anew (``besides``) is left to its build. ``arranged`` is called whenever something may have changed.
    """

    def __init__(
        self,
        repartitioning: Repartitioning,
        reads: ReadStore,
        groups: Sequence[Group],
        *,
        besides: Callable[[], AbstractSet[str]],
        arranged: Callable[[], None],
    ) -> None:
        self._repartitioning, self._reads = repartitioning, reads
        self._besides, self._arranged = besides, arranged
        self._left = [group for group in groups if not group.strong]
        self._task: asyncio.Task[None] | None = None

    async def arrange(self) -> None:
        """Arrange what can be now. What is as it should be is not looked at again."""
        stand = await self._reads.checkpoints([group.name for group in self._left])
        counts = {group.name: count_of(name for name in stand if whole(name) == group.name) for group in self._left}
        others = [group for group in self._left if counts[group.name] not in (0, group.partitions)]
        found = [group for group in others if group.name not in self._besides()]
        self._left = [group for group in found if not await self._repartitioning.arrange(group)]

    def begin(self) -> None:
        """Arrange the rest in the background: partitions that stood apart may be level later."""
        self._task = asyncio.create_task(self._arrange_the_rest())

    async def stop(self) -> None:
        """Leave it to the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _arrange_the_rest(self) -> None:
        for group in self._left:
            log.info("%s is not in %d partitions yet: some are late", group.name, group.partitions)
        while self._left:
            await asyncio.sleep(ARRANGE_SECONDS)
            with suppress(StoreError):  # It is there again next time.
                await self.arrange()
                self._arranged()
