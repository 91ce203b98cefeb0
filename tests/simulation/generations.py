"""Generations in a simulated database, as both real ones keep them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from tests.simulation.reads import SharedReads, places_of
from twofold.projections.generations import (
    Generation,
    State,
    Switch,
    beside,
    in_generation,
    may_take_over,
    numbered,
    subscription_of,
)
from twofold.projections.layout import tables_of
from twofold.projections.table import Table
from twofold.subscriptions.partition import partition_names, whole


class ImpossibleError(Exception):
    """No database would do that, and it would say so in words that nobody expects."""


class Generations:
    """The generations of a database, and what becomes of them: each method is one transaction.

    No crash takes back what they do, nor what came before.
    """

    def __init__(self, reads: SharedReads) -> None:
        self._reads = reads

    def of(self, subscriptions: Collection[str]) -> list[Generation]:
        found = self._reads.kept.generations
        return [found[about] for about in sorted(found) if about[0] in subscriptions]

    def enter(self, generation: Generation, tables: Sequence[Table], over: Generation | None) -> bool:
        about = generation.subscription, generation.number
        with self._reads.transaction() as kept:
            if kept.generations.get(about) != over:
                return False
            kept.generations[about] = generation
            for table in tables:
                self._reads.make(beside(table, generation.number), in_generation(table, generation.number).definition)
        self._reads.watch.entered(generation)
        self._reads.flush()
        return True

    def switch(self, change: Switch) -> bool:
        with self._reads.transaction():
            if not self.may_switch(change):
                return False
            self.exchange(change)
        self._reads.watch.switched(change)
        self._reads.flush()
        return True

    def may_switch(self, change: Switch) -> bool:
        if not change.fits(self.of([change.subscription])):
            return False
        here, there = change.subscription, subscription_of(change.subscription, change.new)
        places = self._reads.kept.tables.places
        return may_take_over(change, places_of(places([here])), places_of(places([there])))

    def exchange(self, change: Switch) -> None:
        name, old, new, kept = change.subscription, change.old, change.new, self._reads.kept
        epoch, were = self.epoch(change), self._family(subscription_of(name, new))
        for table in tables_of(change.made):
            self._rename(table.name, numbered(table.name, old))
            self._rename(numbered(table.name, new), table.name)
        kept.tables.forget(subscription_of(name, old))
        self._move(name, subscription_of(name, old), epoch)
        self._move(subscription_of(name, new), name, epoch)
        if were == [subscription_of(name, new)] and change.partitions > 1:
            at = kept.tables.checkpoints[name]
            kept.tables.checkpoints |= dict.fromkeys(partition_names(name, change.partitions), at)
        kept.forget_notes(name)
        self._set((name, old), change.leaves)
        self._set((name, new), "active")

    def epoch(self, change: Switch) -> int:
        """The epoch under both names, higher than either had."""
        beside = subscription_of(change.subscription, change.new)
        names = *self._family(change.subscription), *self._family(beside)
        return max(self._reads.kept.tables.checkpoints[name].epoch for name in names) + 1

    def drop(self, generation: Generation, tables: Sequence[Table]) -> bool:
        about = generation.subscription, generation.number
        if not self.may_drop(generation):
            return False
        with self._reads.transaction() as kept:
            for table in tables:
                self._reads.remove(numbered(table.name, generation.number))
            kept.tables.forget(subscription_of(*about))
            self._set(about, generation.dropped)
        self._reads.watch.dropped(generation)
        self._reads.flush()
        return True

    def may_drop(self, generation: Generation) -> bool:
        return generation in self.of([generation.subscription])

    def _family(self, name: str) -> list[str]:
        """The names of a subscription's checkpoints: its own, and those of its partitions."""
        return [each for each in self._reads.kept.tables.checkpoints if whole(each) == name]

    def _set(self, about: tuple[str, int], state: State) -> None:
        found = self._reads.kept.generations
        if about in found:
            found[about] = msgspec.structs.replace(found[about], state=state)

    def _move(self, name: str, other: str, epoch: int) -> None:
        found = self._reads.kept.tables.checkpoints
        if self._family(other):
            raise ImpossibleError(f"{name} cannot stand as {other}: there is one")
        for each in self._family(name):
            found[other + each.removeprefix(name)] = msgspec.structs.replace(found.pop(each), epoch=epoch)

    def _rename(self, name: str, other: str) -> None:
        """Let a table have another name, with everything that is known under its name."""
        kept = self._reads.kept
        if name not in kept.tables.rows or other in kept.tables.rows:
            raise ImpossibleError(f"{name} cannot be called {other}: there are {sorted(kept.tables.rows)}")
        kept.tables.rows[other] = kept.tables.rows.pop(name)
        kept.definitions[other] = kept.definitions.pop(name)
        self.rename_parked(name, other)

    def rename_parked(self, name: str, other: str) -> None:
        kept = self._reads.kept
        for about in [about for about in kept.parked if about[0] == name]:
            parked = msgspec.structs.replace(kept.parked.pop(about), read_model=other)
            kept.parked[other, about[1]] = parked
        for about in [about for about in kept.letters if about[0] == name]:
            kept.letters[other, about[1]] = kept.letters.pop(about)
