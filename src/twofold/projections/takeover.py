"""How strong read models change from one generation to another: between two appends, with nothing left out."""

from __future__ import annotations

from twofold.messages import Registry
from twofold.projections.folding import Folding
from twofold.projections.generations import Switch
from twofold.projections.group import Group
from twofold.projections.port import Advance, AppendTransaction, StrongLog
from twofold.projections.rebuild import MISSING_MAX


class Takeover:
    """Lets a generation of a strong group, built ``beside``, take the place of the one that serves; see ``TakeOver``."""

    def __init__(self, log: StrongLog, registry: Registry, beside: Group, *, missing_max: int = MISSING_MAX) -> None:
        self._log, self._registry, self._beside = log, registry, beside
        self._missing_max = missing_max

    async def __call__(self, change: Switch) -> bool:
        """Fold what is missing, and switch, in one transaction. False, with nothing changed, where it is too much.

        Raises the ``FoldError`` of an event that this code cannot take, and what an append raises.
        """

        async def work(transaction: AppendTransaction) -> bool:
            return await self._is_level(transaction) and await transaction.switch(change)

        if await self._log.between_appends(work):
            return True
        self._missing_max *= 2
        return False

    async def _is_level(self, transaction: AppendTransaction) -> bool:
        """Whether it holds the whole log by now."""
        name, head = self._beside.name, await transaction.position()
        start = (await transaction.checkpoints([name])).get(name)
        if start is None or head - start.position > self._missing_max:
            return False
        if start.position == head:
            return True
        rows = await transaction.events_between(start.position, head)
        events = self._registry.page([row for row in rows if row[3] in self._beside.types])
        _, changes = await Folding(self._beside.projections, rows_max=0).changed(transaction, self._beside, events)
        [saved] = await transaction.save([Advance(name, start, start.moved(head, events), changes)])
        return saved


async def exchanged(log: StrongLog, change: Switch) -> bool:
    """The switch alone, while nobody appends: what served before is gone back to from where it stands."""
    return await log.between_appends(lambda transaction: transaction.switch(change))
