"""Bugs in rebuilds of strong read models, and in what is said of those that appends have left behind."""

from __future__ import annotations

import asyncio

from tests.simulation.mutants.registry import Wrong, mutant
from twofold.errors import OutcomeUnknownError, StoreUnavailableError
from twofold.projections import Inline, inline, rebuild
from twofold.projections.generations import Switch
from twofold.projections.laggards import Laggards
from twofold.projections.rebuild import Rebuild
from twofold.projections.takeover import Takeover


@mutant
def strong_switch_while_others_append() -> Wrong:
    """The last events are folded in one transaction, and the tables exchanged in the next: appends come between them."""

    async def take_over(self: Takeover, change: Switch) -> bool:
        is_level = await self._log.between_appends(self._is_level)
        return is_level and await self._log.between_appends(lambda transaction: transaction.switch(change))

    return Takeover, "__call__", take_over


@mutant
def strong_rows_of_other_code_are_folded_on() -> Wrong:
    """An append moves a strong read model whoever has made what serves."""
    return inline, "superseded", lambda group, noted: None


@mutant
def nobody_hears_of_what_is_left_behind() -> Wrong:
    """Questions are answered from a strong read model that the last append of this process did not move."""
    return Laggards, "left", lambda self, names: None


@mutant
def what_is_left_behind_unheard_is_not_told() -> Wrong:
    """An append whose answer was lost has left a strong read model behind, and nobody hears of it."""

    def undone(self: Inline) -> None:
        for group in self._groups:
            self._forget(group)
        self._steps, self._left_behind = [], ()

    return Inline, "undone", undone


@mutant
def unheard_switches_are_made_again() -> Wrong:
    """Whoever did not hear that he has switched lets what serves stand beside, and wants to fold it."""

    async def switch(self: Rebuild, old: int) -> int:
        while True:
            try:
                await rebuild.stand(self._log, self._reads, self._beside.name)
                if await self._take_over(self._switch_from(old)) or await self.is_over():
                    return old
                old = await self._serving(old)
                await self._filling.look()
            except (StoreUnavailableError, OutcomeUnknownError):
                await asyncio.sleep(0.05)
            await self.catch_up()

    return Rebuild, "switch", switch
