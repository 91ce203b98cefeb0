"""Bugs in whoever builds a generation, and in whoever follows one that others have built."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

import msgspec

from tests.simulation.mutants.registry import Wrong, mutant, nothing
from twofold.projections import generations, projector, rebuild
from twofold.projections.builder import Builder
from twofold.projections.builds import Builds
from twofold.projections.deployment import Plan, superseded
from twofold.projections.generations import Generation
from twofold.projections.group import Group
from twofold.projections.hoard import Hoard
from twofold.projections.lot import Lot
from twofold.projections.port import Advance
from twofold.projections.projector import Projector
from twofold.projections.rebuild import Rebuild
from twofold.projections.table import Changes
from twofold.subscriptions import Advanced, Fenced
from twofold.subscriptions.engine import Engine


@mutant
def builder_keeps_rows_after_a_fence() -> Wrong:
    """What was not written stays in memory, though others were faster."""

    def begin_again(self: Builder, *, careful_until: int = 0) -> None:
        self._careful_until = max(self._careful_until, careful_until)

    return Builder, "_begin_again", begin_again


@mutant
def builder_remembers_what_it_has_forgotten_to_write() -> Wrong:
    """After a fence the next page is folded over rows that were never written."""

    def begin_again(self: Builder, *, careful_until: int = 0) -> None:
        self._hoard.clear()
        self._careful_until = max(self._careful_until, careful_until)

    return Builder, "_begin_again", begin_again


@mutant
def page_taken_twice_when_it_cannot_be_written() -> Wrong:
    """A page is in memory, cannot be written, and comes again."""
    right = Builder._take

    async def take(self: Builder, delivery: Any) -> Any:
        rows_max, self._rows_max = self._rows_max, sys.maxsize  # It is not written before the page.
        try:
            outcome = await right(self, delivery)
        finally:
            self._rows_max = rows_max
        if isinstance(outcome, Advanced) and self._hoard.count >= rows_max and not await self.flush():
            return Fenced()
        return outcome

    return Builder, "_take", take


@mutant
def parked_keys_of_a_build_not_read() -> Wrong:
    """Who builds does not look which keys are parked in what he builds: they take their later events."""
    right = Lot.read

    async def read(self: Lot, groups: Collection[Group]) -> None:
        if not any("__" in each.name for group in groups for each in group.projections):
            await right(self, groups)

    return Lot, "read", read


@mutant
def hoard_moves_beyond_what_it_holds() -> Wrong:
    """A checkpoint is written for a page that is still to be folded."""
    right = Hoard.advance

    def advance(self: Hoard) -> Advance | None:
        found: Advance | None = right.__get__(self)
        if found is None:
            return None
        return msgspec.structs.replace(found, end=msgspec.structs.replace(found.end, position=found.end.position + 1))

    return Hoard, "advance", property(advance)


@mutant
def removed_rows_stay_in_a_build() -> Wrong:
    """A row that was written and is gone since is not removed."""
    right = Hoard._changes

    def changes(self: Hoard, name: str) -> list[Changes]:
        return [msgspec.structs.replace(each, removed=()) for each in right(self, name)]

    return Hoard, "_changes", changes


@mutant
def letters_of_a_build_are_lost() -> Wrong:
    """What the parked keys of a generation that is built do not take is not noted."""
    right = Hoard.add

    def add(self: Hoard, advance: Advance, page: Any) -> None:
        right(self, msgspec.structs.replace(advance, letters=()), page)

    return Hoard, "add", add


@mutant
def skipped_letters_are_folded_again() -> Wrong:
    """What was left out for good comes back with the next generation."""
    right = generations.built_beside
    return rebuild, "built_beside", lambda group, number, skipped=(): right(group, number)


@mutant
def old_code_goes_on_after_a_switch() -> Wrong:
    """A process that was fenced by a generation of other code folds on over its rows."""
    return projector, "superseded", lambda group, noted: None


@mutant
def superseded_until_the_next_fence() -> Wrong:
    """A process that is superseded at one read model forgets it when it is fenced at another."""

    async def see(self: Projector, names: Collection[str]) -> None:
        groups = [self._groups[name] for name in names if name in self._groups]
        noted = await self._reads.generations([group.name for group in groups]) if groups else ()
        self._superseded = {group.name: error for group in groups if (error := superseded(group, noted)) is not None}

    return Projector, "_see_who_is_superseded", see


@mutant
def other_code_may_come_in_between() -> Wrong:
    """Who finds that another generation serves than he wanted to replace tries it again, for ever."""

    async def serving(self: Rebuild, old: int) -> int:
        return old

    return Rebuild, "_serving", serving


@mutant
def nothing_to_build_is_never_done() -> Wrong:
    """A generation of a log without events has no checkpoint, and cannot take over."""
    return rebuild, "stand", nothing


@mutant
def rewound_places_not_noticed() -> Wrong:
    """Who has come to the head stays there, though the database has been rewound, or an older generation taken back."""
    return Engine, "_doubt_the_moved", nothing


@mutant
def builds_of_others_not_noticed() -> Wrong:
    """What another process has built is never followed by one that waits for it."""
    return Builds, "_look", nothing


@mutant
def cancelled_builds_go_on() -> Wrong:
    """Whoever builds does not find out that it was given up, or that others have switched to it."""

    async def is_over(self: Rebuild) -> bool:
        return False

    return Rebuild, "is_over", is_over


@mutant
def whoever_waits_for_a_build_keeps_others_from_theirs() -> Wrong:
    """A process that waits for what another builds builds nothing else meanwhile, and the other waits for that."""

    async def build(self: Builds, plan: Plan, **given: Any) -> Generation:
        async with self._turn, self._worker.building(plan.group.name):
            how: dict[str, Any] = {"switch": True, "tell": lambda progress: None, "check": None}
            return await self._built(plan, **how | given)

    return Builds, "build", build
