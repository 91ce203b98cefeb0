"""The judge: says from the log alone what must be kept, one event after the other, and what verbs must come to."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from tests.projections.naive import PLENTY, Models, Naive, Place, looks_up
from twofold.messages import Recorded
from twofold.messages.handlers import EvolveHandler, evolvers

Build: TypeAlias = tuple[str, int]
"""A subscription, and the number of one of its generations."""


class Judge:
    """Keeps every generation as a naive fold that follows the checkpoint of the real one."""

    def __init__(self) -> None:
        self.log: Sequence[Recorded[Any]] = ()
        self.builds: dict[Build, Naive] = {}
        self.skipped: set[tuple[str, str, int]] = set()

    def begin(self, build: Build, models: Models) -> None:
        """A generation is there from now on, and empty."""
        self.builds[build] = Naive(models, parked_max=PLENTY)

    def follow(self, build: Build, position: int, models: Models | None) -> None:
        """The checkpoint has come so far, and the code that was at work is that of these models."""
        naive = self.builds[build]
        if position == naive.position:
            return
        assert position > naive.position, f"{build} went back from {naive.position} to {position}"
        assert models is not None, f"{build} moved from {naive.position} to {position}, and nobody was at work"
        naive.models, naive.skipped = _some(models, naive), set(self.skipped)
        assert naive.run(self.log[naive.position : position]), f"{build} went past an event that it cannot take"
        naive.position = position

    def ends(self, build: Build, models: Models, parked_max: int) -> int:
        """Where this code comes to if it goes on: at the end of the log, or before an event that stops it."""
        naive = copy.deepcopy(self.builds[build])
        naive.models, naive.parked_max, naive.skipped = _some(models, naive), parked_max, set(self.skipped)
        return len(self.log) if naive.run(self.log[naive.position :]) else naive.position

    # --- Retries ------------------------------------------------------------------------------------------------

    def replayed(self, build: Build, models: Models, place: Place, *, skips: bool) -> dict[str, bytes] | None:
        """The rows that a parked key has after all its letters; None if they cannot be taken."""
        name, key = place
        kept = self.builds[build]
        letters = kept.letters[place][1 if skips else 0 :]
        replay = Replay(needed_by(models, name), place, letters, skipped=self.skipped)
        if key in kept.rows[name]:
            replay.rows[name][key] = kept.rows[name][key]
        if not replay.run(self._about(models[name], letters)):
            return None
        rows = replay.rows[name]
        moved = [other for other in rows if other != key]
        if any(other in kept.rows[name] or (name, other) in kept.letters for other in moved):
            return None
        return rows

    def _about(self, cls: Any, letters: Sequence[int]) -> Sequence[Recorded[Any]]:
        if not any(map(looks_up, evolvers(cls).values())):
            return [self.log[position - 1] for position in letters]
        return self.log[: letters[-1]] if letters else ()

    def let_go(self, build: Build, models: Models, place: Place, *, skips: bool) -> None:
        """A key was unparked."""
        rows = self.replayed(build, models, place, skips=skips)
        assert rows is not None
        kept, (name, key) = self.builds[build], place
        kept.rows[name].pop(key, None)
        kept.rows[name].update(rows)
        if skips:
            self.skipped.add((*place, kept.letters[place][0]))
        del kept.letters[place]

    # --- Verification -------------------------------------------------------------------------------------------

    def folded(self, build: Build, models: Models, name: str) -> Naive | None:
        """The rows as the log makes them up to the checkpoint, with the keys that fail on the way; None if one stops it."""
        kept = self.builds[build]
        since = {place: letters[0] for place, letters in kept.letters.items()}
        again = Naive(needed_by(models, name), parked_max=PLENTY, since=since, skipped=self.skipped)
        return again if again.run(self.log[: kept.position]) else None

    def wrong(self, build: Build, models: Models, name: str, again: Naive) -> set[str]:
        """The keys whose row is not what the log makes of it."""
        kept = self.builds[build]
        apart = {key for other, key in [*kept.letters, *again.letters] if other == name}
        both = (kept.rows[name].keys() | again.rows[name].keys()) - apart
        rows = self.rows(build, name, models[name])
        return {key for key in both if rows.get(key) != again.rows[name].get(key)}

    def heal(self, build: Build, models: Models, name: str) -> None:
        """What was wrong was mended."""
        again = self.folded(build, models, name)
        assert again is not None
        for key in self.wrong(build, models, name, again):
            self.builds[build].rows[name].pop(key, None)
            if key in again.rows[name]:
                self.builds[build].rows[name][key] = again.rows[name][key]

    # --- Rows ---------------------------------------------------------------------------------------------------

    def rows(self, build: Build, name: str, cls: Any) -> dict[str, bytes]:
        """The rows as a class shows them; older rows have the defaults of columns that came later."""
        kept = self.builds[build].rows[name]
        return {key: msgspec.json.encode(msgspec.json.decode(row, type=cls)) for key, row in kept.items()}

    def parked(self, build: Build) -> Mapping[Place, Sequence[int]]:
        return self.builds[build].letters


def _some(models: Models, naive: Naive) -> Models:
    """Those of the models that move together there."""
    return {name: models[name] for name in naive.rows}


class Replay(Naive):
    """Of one read model only a parked key takes its letters, and whatever row it becomes."""

    def __init__(
        self, models: Models, place: Place, letters: Collection[int], skipped: Collection[tuple[str, str, int]]
    ) -> None:
        super().__init__(models, skipped=skipped)
        self._place, self._letters = place, letters

    def _keys(self, name: str, handler: EvolveHandler, recorded: Recorded[Any]) -> list[str]:
        keys = super()._keys(name, handler, recorded)
        if name != self._place[0]:
            return keys
        if recorded.position not in self._letters:
            return []
        return keys if handler.mark.where else [key for key in keys if key == self._place[1]]


def needed_by(models: Models, name: str) -> Models:
    """A read model with those whose rows its folds are given."""
    if any(map(looks_up, evolvers(models[name]).values())):
        return models
    return {name: models[name]}
