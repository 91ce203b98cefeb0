"""Bugs in what folds remember, and in what parked keys do not take."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from tests.simulation.mutants.registry import Wrong, mutant, nothing
from twofold.projections.fold import Fold
from twofold.projections.folding import Folding
from twofold.projections.lot import Lot
from twofold.projections.projector import Projector


@mutant
def rows_remembered_after_a_fence() -> Wrong:
    """Rows are not loaded anew, though another worker has changed them."""
    return Folding, "forget", lambda self, group: None


@mutant
def rows_remembered_after_a_failure() -> Wrong:
    """Rows that a page has changed are taken for what is kept, though it could not be saved."""
    right = Projector.deliver

    async def deliver(self: Projector, deliveries: Sequence[Any]) -> Any:
        with patch.object(self, "_forget", lambda name: None):
            return await right(self, deliveries)

    return Projector, "deliver", deliver


@mutant
def rows_remembered_between_two_starts() -> Wrong:
    """Whoever starts again relies on rows from before."""

    async def resume(self: Projector, names: Any) -> Any:
        with patch.object(self, "_forget", lambda name: None):
            return await right(self, names)

    right = Projector.resume
    return Projector, "resume", resume


@mutant
def successors_not_parked() -> Wrong:
    """Only the poisoned event is left out: its key takes the later ones."""

    def passing(self: Fold, touches: Any) -> Any:
        for touch in touches:
            if self.parked.get(touch[0]) == touch[3].position:
                self.letters[touch[0], touch[3].position] = None
            else:
                yield touch

    return Fold, "passing", passing


@mutant
def fan_outs_pass_parked_keys() -> Wrong:
    """An event for all rows that hold a value is no letter of the parked ones."""
    return Fold, "keep_fan_outs", lambda self: None


@mutant
def parked_keys_not_read() -> Wrong:
    """A process that starts, or was fenced, does not look which keys are parked."""
    return Lot, "read", nothing


@mutant
def looking_forgets_what_is_parked() -> Wrong:
    """Whoever asks how far a subscription is makes the folds forget for a moment which keys are parked."""
    right = Projector.checkpoints

    async def checkpoints(self: Projector, names: Any) -> Any:
        self._lot._parked.clear()
        return await right(self, names)

    return Projector, "checkpoints", checkpoints


@mutant
def folds_go_on_after_a_failure() -> Wrong:
    """Of read models that are folded side by side one fails, and the others go on while the page is tried again."""

    async def folded(self: Projector, deliveries: Sequence[Any]) -> Any:
        return await asyncio.gather(*(self._fold(each, self._groups[each.name]) for each in deliveries))

    return Projector, "_folded", folded
