"""What read models should hold, told again in the plainest way: one event after the other over rows that are read anew.

It knows nothing of pages, plans, caches or batches; of the code under test it uses the folds' own functions and marks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from twofold.messages import Recorded, name_of
from twofold.messages.handlers import EvolveHandler, always_of, evolvers
from twofold.projections import REMOVED, ReadModel

Models: TypeAlias = Mapping[str, type[ReadModel]]
"""Read models that move together, by name; those whose rows are looked up come first."""

Place: TypeAlias = tuple[str, str]
"""The name of a read model, and a key of it."""

PLENTY = 1 << 40
"""More keys than any test parks."""


class RefusedError(Exception):
    """A key cannot take an event."""


class StoppedError(Exception):
    """They cannot go on: nobody knows which key is meant, or too many are parked."""


class Naive:
    """The rows of models that move together, the events that parked keys have not taken, and the position reached.

    ``since`` are keys that take nothing from a position on, whatever comes; ``skipped`` events are left out. Only keys that
    are ``wanted`` are folded.
    """

    def __init__(
        self,
        models: Models,
        *,
        parked_max: int = 0,
        since: Mapping[Place, int] | None = None,
        skipped: Collection[tuple[str, str, int]] = (),
        wanted: Callable[[str], bool] = lambda key: True,
    ) -> None:
        self.models, self.parked_max, self.wanted = models, parked_max, wanted
        self.since, self.skipped = dict(since or {}), set(skipped)
        self.rows: dict[str, dict[str, bytes]] = {name: {} for name in models}
        self.letters: dict[Place, list[int]] = {}
        self.position = 0

    def run(self, log: Iterable[Recorded[Any]]) -> bool:
        """Fold these events. False, standing before the first that stops it all, if one does."""
        return all(map(self.take, log))

    def take(self, recorded: Recorded[Any]) -> bool:
        """Fold one event. False, with nothing changed, if that stops it all."""
        rows = {name: dict(kept) for name, kept in self.rows.items()}
        letters = {place: list(positions) for place, positions in self.letters.items()}
        try:
            for name, cls in self.models.items():
                handler = handler_of(cls, recorded.type)
                if handler is not None:
                    self._take(name, handler, recorded)
        except StoppedError:
            self.rows, self.letters = rows, letters
            return False
        self.position = recorded.position
        return True

    def row(self, name: str, key: str) -> Any:
        """A row as it is now, as the code as it is now sees it; None where there is none."""
        kept = self.rows[name].get(key)
        return None if kept is None else msgspec.json.decode(kept, type=self.models[name])

    def is_parked(self, name: str, key: str, position: int) -> bool:
        place = name, key
        return place in self.letters or position >= self.since.get(place, position + 1)

    def _take(self, name: str, handler: EvolveHandler, recorded: Recorded[Any]) -> None:
        if handler.mark.where:  # Nobody knows yet what a parked row will hold then.
            for place in self.letters:
                if place[0] == name:
                    self.letters[place].append(recorded.position)
        for key in self._keys(name, handler, recorded):
            self._take_for(name, key, handler, recorded)

    def _take_for(self, name: str, key: str, handler: EvolveHandler, recorded: Recorded[Any]) -> None:
        position = recorded.position
        if (name, key, position) in self.skipped or not self.wanted(key):
            return
        if self.is_parked(name, key, position):
            if (name, key) in self.letters and not handler.mark.where:
                self.letters[name, key].append(position)
            return
        before = dict(self.rows[name])
        try:
            self._change(name, key, handler, recorded)
        except Exception as error:
            self.rows[name] = before
            if sum(other == name for other, _ in self.letters) >= self.parked_max:
                raise StoppedError from error
            self.letters[name, key] = [position]

    def _change(self, name: str, key: str, handler: EvolveHandler, recorded: Recorded[Any]) -> None:
        cls, mark, kept = self.models[name], handler.mark, self.rows[name]
        if key not in kept:
            if mark.if_exists:
                return
            if any(each.mark.creates for each in evolvers(cls).values()) and not mark.creates:
                raise RefusedError
        row: Any = self.row(name, key) or cls(id=key)  # type: ignore[call-arg]
        kept.pop(key, None)
        if type(recorded.event) is not handler.event_type:
            raise RefusedError("unreadable")
        ended = handler.function(
            row, recorded if handler.wants_recorded else recorded.event, *self._looked_up(handler, recorded)
        )
        if ended is REMOVED:
            return
        if (always := always_of(cls)) is not None:
            always(row, recorded)
        if row.id in kept or (row.id != key and self.is_parked(name, row.id, recorded.position)):
            raise RefusedError("taken")
        kept[row.id] = msgspec.json.encode(row)

    def _looked_up(self, handler: EvolveHandler, recorded: Recorded[Any]) -> Sequence[Any]:
        if not looks_up(handler):
            return ()
        key = recorded.event.customer
        if self.is_parked("customer", key, recorded.position):
            raise RefusedError("parked")
        return (self.row("customer", key),)

    def _keys(self, name: str, handler: EvolveHandler, recorded: Recorded[Any]) -> list[str]:
        mark = handler.mark
        try:
            given: Any = recorded.stream.partition("-")[2]
            if mark.key:
                given = mark.key(recorded if handler.wants_recorded else recorded.event)
            if mark.where:
                value = given if mark.key else getattr(recorded.event, mark.where, given)
                rows = [(key, self.row(name, key)) for key in self.rows[name]]
                return [key for key, row in rows if getattr(row, mark.where) == value]
        except Exception as error:
            raise StoppedError from error
        return given if isinstance(given, list) else [given]


def handler_of(cls: type[ReadModel], event_type: str) -> EvolveHandler | None:
    """What folds events of this name, whether they can be read or not."""
    return next((each for event, each in evolvers(cls).items() if name_of(event) == event_type), None)


def looks_up(handler: EvolveHandler) -> bool:
    """Whether a fold is given the customer's row."""
    return "customer" in handler.function.__annotations__
