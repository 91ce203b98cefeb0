"""Bugs in strong read models, and in the log that carries them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.simulation.log import AppendTransaction, SharedLog
from tests.simulation.mutants.registry import Wrong, mutant
from tests.simulation.waiting import done
from twofold.projections import Inline
from twofold.projections.group import Group
from twofold.store import effects
from twofold.store.port import Append, Verdict


@mutant
def missed_events_not_made_up_for() -> Wrong:
    """What others appended without a strong model is passed over."""

    async def missed(self: Inline, transaction: Any, group: Group, start: Any, span: Any) -> Sequence[Any]:
        return ()

    return Inline, "_missed", missed


@mutant
def stale_stand_not_compared() -> list[Wrong]:
    """A process goes on from where it left a strong model, wherever that stands by now."""

    async def save(self: AppendTransaction, advances: Sequence[Any]) -> list[bool]:
        tables = self._log.tables
        for advance in advances:
            tables.checkpoints[advance.name] = advance.end
            for changes in advance.changes:
                tables.write(changes)
        return [True for _ in advances]

    def stood_at(self: Inline, group: Group) -> int:
        stands = self._stands.get(group.name)
        before: int = self.__dict__["before"]
        return -1 if stands is None else before

    right = Inline.take_effect

    async def take_effect(self: Inline, transaction: Any, batch: Any, verdicts: Any) -> None:
        rows = effects.rows_of(batch, verdicts)
        self.__dict__["before"] = rows[0][0] - 1 if rows else -1
        await right(self, transaction, batch, verdicts)

    return [(AppendTransaction, "save", save), (Inline, "_stood_at", stood_at), (Inline, "take_effect", take_effect)]


@mutant
def strong_rows_remembered_though_others_changed_them() -> Wrong:
    """Who finds a strong model elsewhere than he left it folds on over the rows that he knows."""
    return Inline, "_forget", lambda self, group: self._stands.pop(group.name, None)


@mutant
def undone_forgets_nothing() -> Wrong:
    """After an append of which nobody knows, rows are taken for what they would have been."""

    def undone(self: Inline) -> None:
        for step in self._steps:
            self._folding.keep(step.page)
            self._stands[step.group.name] = step.advance.end
        self._steps = []

    return Inline, "undone", undone


@mutant
def kept_before_the_commit() -> list[Wrong]:
    """Rows are taken for kept while the transaction is still open, and stay so when it is not committed."""
    right = Inline.take_effect

    async def take_effect(self: Inline, transaction: Any, batch: Any, verdicts: Any) -> None:
        await right(self, transaction, batch, verdicts)
        self.kept()

    return [(Inline, "take_effect", take_effect), (Inline, "undone", lambda self: None)]


@mutant
def refused_append_stays() -> Wrong:
    """An append that a strong model cannot take is in the log all the same."""

    @contextmanager
    def transaction(self: SharedLog) -> Generator[None]:
        yield

    return SharedLog, "transaction", transaction


@mutant
def effect_apart_from_the_append() -> Wrong:
    """The append is committed in one transaction, its effect in another: a fold that refuses comes too late."""

    def append_with(self: SharedLog, inline: Inline, batch: Sequence[Append]) -> list[Verdict]:
        verdicts = list(done(self.append(batch)))
        with self.transaction():
            done(inline.take_effect(AppendTransaction(self), batch, verdicts))
        return verdicts

    return SharedLog, "append_with", append_with


@mutant
def own_events_left_out() -> Wrong:
    """Who makes up for missed events forgets those of the append itself."""
    right = Inline._go_on_from_there

    async def go_on(self: Inline, transaction: Any, group: Group, events: Any, span: Any) -> None:
        await right(self, transaction, group, (), span)

    return Inline, "_go_on_from_there", go_on


@mutant
def too_far_behind_all_the_same() -> Wrong:
    """An append makes up for however many events, and holds everybody up."""
    return Inline, "_may_go_on", lambda self, group, start, span: span.before >= start.position
