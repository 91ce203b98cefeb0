"""Bugs in what a database does with generations."""

from __future__ import annotations

from typing import Any

from tests.simulation.generations import Generations
from tests.simulation.mutants.registry import Wrong, mutant
from tests.simulation.reads import SharedReads
from tests.simulation.world import World
from twofold.projections.generations import Generation, Switch
from twofold.projections.rebuild import Rebuild


def _whatever_its_position(self: Generations, change: Switch) -> bool:
    return change.fits(self.of([change.subscription]))


@mutant
def switch_without_its_position_check() -> Wrong:
    """A generation takes over though the one that serves has moved on meanwhile."""
    return Generations, "may_switch", _whatever_its_position


@mutant
def swap_before_catch_up() -> list[Wrong]:
    """A generation takes over after its first page."""

    async def one_page(self: Rebuild) -> None:
        await self._filling._step()
        await self._filling._builder.flush()

    return [(Rebuild, "catch_up", one_page), (Generations, "may_switch", _whatever_its_position)]


@mutant
def switch_without_its_state_check() -> Wrong:
    """A generation takes the place of one that serves no more, or takes it twice."""
    return Switch, "fits", lambda self, noted: True


@mutant
def switch_without_raising_the_epoch() -> Wrong:
    """Whoever runs the subscription is not told that other rows serve."""
    right = Generations.epoch
    return Generations, "epoch", lambda self, change: right(self, change) - 1


@mutant
def letters_stay_behind_at_a_switch() -> Wrong:
    """Tables exchange their names, and what is parked does not."""
    return Generations, "rename_parked", lambda self, name, other: None


@mutant
def drop_without_its_state_check() -> Wrong:
    """A generation is dropped that somebody lets serve meanwhile."""
    return Generations, "may_drop", lambda self, generation: True


@mutant
def notes_over_what_others_noted() -> Wrong:
    """Of two processes of different code that start at the same time, the second says that all is his."""
    right = Generations.enter

    def enter(self: Generations, generation: Generation, tables: Any, over: Any) -> bool:
        if generation.state == "active":
            over = self._reads.kept.generations.get((generation.subscription, generation.number))
        return right(self, generation, tables, over)

    return Generations, "enter", enter


@mutant
def crashes_take_generations_back() -> Wrong:
    """What was done to generations is not written to the disk at once."""
    return World, "_forget_older", lambda self: None


@mutant
def old_letters_in_a_new_table() -> Wrong:
    """What was parked of a table stays, though the table is made anew."""

    def remove(self: SharedReads, name: str) -> None:
        self.kept.tables.rows.pop(name, None)
        self.kept.definitions.pop(name, None)

    return SharedReads, "remove", remove
