"""Accepting that the log is not the one that a read model was made from: it is emptied, and filled again from this one."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from twofold.errors import NotFoundError
from twofold.projections.audience import Audience
from twofold.projections.group import Group
from twofold.projections.port import Arrangement, ReadStore
from twofold.projections.writer import Writer
from twofold.store.pages import load_page
from twofold.store.port import EventStore
from twofold.subscriptions import Checkpoint, disagreement

_SQL = load_page("twofold.projections", "rewinding.sql")


class Emptied(msgspec.Struct, frozen=True):
    """What a subscription consists of: its tables, and those of its read models of which keys may be parked."""

    name: str
    tables: tuple[str, ...]
    may_park: tuple[str, ...] = ()

    async def empty(self, write: Writer) -> None:
        """Empty it, in the transaction that moves its checkpoint."""
        for table in self.tables:
            await write.execute(_SQL[f"empty_{write.dialect}"].format(table=f'"{table}"'))
        for name in self.may_park:
            for statement in ("forget_parked", "forget_letters", "forget_skipped"):
                await write.execute(_SQL[statement], name=name)


class Rewinding:
    """The way out for subscriptions of an app that stopped because the log contradicts their checkpoint."""

    def __init__(
        self,
        log: EventStore,
        reads: ReadStore,
        groups: Collection[Group],
        *,
        audience: Audience,
    ) -> None:
        self._log, self._reads, self._audience = log, reads, audience
        self._by_name: dict[str, Emptied] = {}
        for group in groups:
            may_park = () if group.strong or group.sql is not None else group.tables
            emptied = Emptied(group.name, group.tables, may_park)
            self._by_name |= dict.fromkeys((group.name, *(each.name for each in group.projections)), emptied)

    async def reason(self, name: str) -> str:
        """Why the log is not the one that a read model (with its group) was made from; empty if it is.

        ``NotFoundError`` for a name that is none.
        """
        found = await self._reads.checkpoints([self._named(name).name])
        head = await self._log.head()
        reasons = [await disagreement(self._log, head, at) for at in found.values()]
        return next(filter(None, reasons), "")

    async def accept(self, name: str) -> str:
        """Empty it in one transaction, and let it begin again. The subscription, or nothing where the log agrees.

        All its partitions begin again. The epoch goes on rising, so that nobody who still holds a page of the other log can ever write it.
        """
        emptied = self._named(name)
        while await self.reason(name):
            before = await self._reads.checkpoints([emptied.name])
            after = dict.fromkeys(before, Checkpoint.start(await self._log.head()))
            if await self._reads.arrange(Arrangement(emptied.name, before, after, emptied.empty)):
                self._audience.upset(emptied.tables, "emptied")
                return emptied.name
        return ""

    def _named(self, name: str) -> Emptied:
        if name not in self._by_name:
            raise NotFoundError("read model", name, remedy=f"There are: {', '.join(sorted(self._by_name)) or 'none'}.")
        return self._by_name[name]
