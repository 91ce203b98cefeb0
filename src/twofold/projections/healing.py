"""Mending rows that are not what the log makes of them, beside workers that go on: just these, and only while it is true."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from msgspec.structs import replace

from twofold.projections.audience import Audience, turned
from twofold.projections.comparison import Comparison, since_of
from twofold.projections.group import Group
from twofold.projections.ledger import Keeper
from twofold.projections.port import Advance, ReadStore
from twofold.projections.projection import Projection
from twofold.projections.stretch import Commit
from twofold.projections.table import Changes, Key
from twofold.subscriptions import Checkpoint

ATTEMPTS_MAX = 50
"""How often it begins again because a worker was faster."""


class Healing:
    """Brings rows to what the log makes of them, by the compare-and-set that workers use.

    Raising the epoch fences whoever runs the subscription: it forgets the rows that it remembers, and reads them anew.
    Meanwhile the keys are folded on to where the checkpoint stands by now. Each ``part`` that was compared is mended alone.
    """

    def __init__(
        self, reads: ReadStore, projection: Projection, part: Group, compared: Comparison, audience: Audience
    ) -> None:
        self._audience = audience
        self._before: dict[Key, Any] = {}
        self._reads, self._projection, self._part = reads, projection, part
        self._refold, self._at = compared.refold, compared.checkpoints[part.name]
        self._folded = self._at.position
        self._keeper = Keeper(projection.table)

    async def mend(self, keys: Collection[Key]) -> int:
        """How many of these keys have the right row now. None, if somebody else has fenced or rewound meanwhile."""
        wanted = set(keys)
        for _ in range(ATTEMPTS_MAX):
            if not await self._is_ours():
                return 0
            if not await self._raise_epoch(()):
                continue
            beside = [each.name for each in self._part.projections]
            parked = since_of(await self._reads.parked(beside), self._part)
            changed = await self._refold.go_on(self._part, self._folded, self._at.position, parked)
            self._folded = self._at.position
            wanted |= changed[self._projection.name]  # A row may have moved from a wrong key to another one.
            sure = wanted - parked[self._projection.name].keys() - self._doubtful
            if await self._raise_epoch(await self._changes(sure)):
                return len(sure.intersection(keys))
        return 0

    @property
    def _doubtful(self) -> set[Key]:
        name = self._projection.name
        return {*self._refold.unsure[name], *self._refold.failing[name]}

    async def _is_ours(self) -> bool:
        """Whether the subscription has only gone on. Learns how far."""
        name = self._part.name
        found = (await self._reads.checkpoints([name])).get(name, self._at)
        if found.epoch != self._at.epoch or found.position < self._at.position:
            return False
        self._at = found
        return True

    async def _raise_epoch(self, changes: Sequence[Changes]) -> bool:
        """Write these rows, if the subscription still stands there, and fence whoever runs it."""
        end: Checkpoint = replace(self._at, epoch=self._at.epoch + 1)
        (saved,) = await self._reads.save([Advance(self._part.name, self._at, end, changes)])
        if saved:
            self._audience.tell(self._commit(end, changes))
            self._at = end
        return saved

    def _commit(self, end: Checkpoint, changes: Sequence[Changes]) -> Commit:
        name, tables = self._projection.name, [each.table.name for each in changes]
        rows = [row for each in changes for row in turned(self._projection, each, self._before)]
        return Commit(self._projection.subscription, self._at, end, tables, {name: rows})

    async def _changes(self, keys: Collection[Key]) -> Sequence[Changes]:
        """What makes these rows right, of those that are not."""
        table, folded = self._projection.table, self._refold.ledger.kept[self._projection.name]
        found = await self._reads.load(table, keys) if keys else []
        self._before = {self._projection.row_key(row): row for row in found}
        kept = self._keeper.kept(found)
        wrong = [key for key in keys if kept.get(key) != folded.get(key)]
        rows = self._keeper.rows([folded[key] for key in wrong if key in folded])
        return [Changes(table, rows, [key for key in wrong if key not in folded])] if wrong else ()
