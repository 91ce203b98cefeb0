"""What strong read models should hold: everything in the log, as soon as it is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.simulation.domain import Deposited
from tests.simulation.facts import Facts, must
from tests.simulation.log import SharedLog
from tests.simulation.read_models import CODES, UNLUCKY, Code
from tests.simulation.tracks import STRONG, Track, Tracks, made_by
from tests.simulation.watch import By
from twofold.messages import Recorded
from twofold.projections.generations import Switch, subscription_of


class StrongOnes(Tracks):
    """Each generation of each strong read model, in step with its checkpoint. An append moves what serves, if its code made it;
    more than ``gap_max`` events behind, it leaves it there."""

    def __init__(self, facts: Facts, log: SharedLog, gap_max: int) -> None:
        super().__init__(facts, log.strong, STRONG)
        self._gap_max = gap_max

    def appended(self, before: int, carried: Sequence[str], by: By) -> None:
        """There are new events after ``before``, by a process that carries these."""
        for name, track in self._tracks.items():
            goes_on = name in carried and self._can_go_on(track, before, by)
            expected, found = self._facts.head if goes_on else track.at, self._found(track)
            must(found == expected, f"{name} stands at {found} instead of {expected} after an append")
            track.move(self._facts, found, ())
            self.look(track)

    def switched(self, change: Switch) -> None:
        """Between two appends: what takes over has all of the log, unless it is taken back."""
        at, head = self.at(subscription_of(change.subscription, change.new)), self._facts.head
        must(change.back or at == head, f"{change.subscription} was switched at {at} of {head}")
        super().switched(change)

    def can_follow(self, name: str, code: Code) -> bool:
        """Whether this code has made what serves, and can take everything that is in the log."""
        track = self._tracks[name]
        missed = self._facts.events[track.at :]
        return _is_of(track, code.name) and not any(refused(name, event, code.name) for event in missed)

    def _can_go_on(self, track: Track, before: int, by: By) -> bool:
        """Whether this code made it, and the events that were appended without it can be made up for."""
        missed = self._facts.events[track.at : before]
        can_take = not any(refused(track.subscription, event, by.code) for event in missed)
        return _is_of(track, by.code) and len(missed) <= self._gap_max and can_take

    def _found(self, track: Track) -> int:
        found = self._reads.kept.tables.checkpoints.get(track.name)
        return found.position if found is not None else 0


def _is_of(track: Track, code: str) -> bool:
    return made_by(track.code.name, track.subscription) == made_by(code, track.subscription)


def refused(name: str, event: Recorded[Any], code: str) -> bool:
    """Whether that code's folds cannot take an event."""
    takes_bad = next(each.takes_bad for each in CODES if each.name == code)
    return name == "purse" and not takes_bad and isinstance(event.event, Deposited) and event.event.amount == UNLUCKY
