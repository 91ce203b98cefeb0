"""What strong read models should hold: everything in the log, as soon as it is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tests.simulation.domain import Deposited
from tests.simulation.expected import Model
from tests.simulation.facts import Facts, must
from tests.simulation.log import SharedLog
from tests.simulation.read_models import CODES, LAST, UNLUCKY, Code
from tests.simulation.tracks import difference
from tests.simulation.watch import By
from twofold.messages import Recorded
from twofold.projections.port import Advance

STRONG: tuple[str, ...] = ("purse", "tally")


class StrongOnes:
    """Each strong read model, in step with its checkpoint. More than ``gap_max`` events behind, an append leaves it there."""

    def __init__(self, facts: Facts, log: SharedLog, gap_max: int) -> None:
        self._facts, self._log, self._gap_max = facts, log, gap_max
        self._models = {name: Model(name, LAST) for name in STRONG}
        self._at = dict.fromkeys(STRONG, 0)

    def at(self, name: str) -> int:
        return self._at[name]

    def advanced(self, advance: Advance) -> None:
        """It was behind, and has caught up a little."""
        start = advance.start.position
        must(
            start == self._at[advance.name],
            f"{advance.name} moved on from {start}, but stood at {self._at[advance.name]}",
        )
        self.look(advance.name)

    def appended(self, before: int, carried: Sequence[str], by: By) -> None:
        """There are new events after ``before``, by a process that carries these."""
        for name in STRONG:
            expected = self._facts.head if name in carried and self._can_go_on(name, before, by) else self._at[name]
            self.look(name)
            must(self._at[name] == expected, f"{name} stands at {self._at[name]} instead of {expected} after an append")

    def finish(self) -> None:
        """All is calm."""
        for name in STRONG:
            self.look(name)
            must(self._at[name] == self._facts.head, f"{name} has ended at {self._at[name]} of {self._facts.head}")

    def look(self, name: str) -> None:
        """Its rows are what the log says up to its checkpoint."""
        checkpoints, model = self._log.tables.checkpoints, self._models[name]
        at = checkpoints[name].position if name in checkpoints else 0
        must(self._at[name] <= at <= self._facts.head, f"{name} went from {self._at[name]} to {at}")
        for event in self._facts.events[self._at[name] : at]:
            model.take(event, self._models)
        self._at[name] = at
        kept = self._log.tables.rows.get(name, {})
        rows = {key: msgspec.json.decode(row) for key, row in kept.items()}
        must(rows == model.rows, difference(name, at, rows, model.rows))

    def can_follow(self, name: str, code: Code) -> bool:
        """Whether this code can take everything that is in the log."""
        return not any(refused(name, event, code.name) for event in self._facts.events[self._at[name] :])

    def _can_go_on(self, name: str, before: int, by: By) -> bool:
        """Whether the events that were appended without it can be made up for."""
        missed = self._facts.events[self._at[name] : before]
        return len(missed) <= self._gap_max and not any(refused(name, event, by.code) for event in missed)


def refused(name: str, event: Recorded[Any], code: str) -> bool:
    """Whether that code's folds cannot take an event."""
    takes_bad = next(each.takes_bad for each in CODES if each.name == code)
    return name == "purse" and not takes_bad and isinstance(event.event, Deposited) and event.event.amount == UNLUCKY
