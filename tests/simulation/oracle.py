"""Knows what must hold, and looks at the databases themselves after every commit."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import msgspec

from tests.simulation.domain import PARTS
from tests.simulation.expected import JOURNALLED, Model
from tests.simulation.log import SharedLog
from tests.simulation.reads import SharedReads
from twofold.deciders import Receipt
from twofold.messages import Recorded
from twofold.projections import groups_of
from twofold.projections.port import Unparking

GROUPS = {group.name: [each.name for each in group.projections] for group in groups_of(PARTS.projections)}
JOURNAL = "journal"
SUBSCRIPTIONS = (*GROUPS, JOURNAL)


State: TypeAlias = tuple[dict[str, int], dict[str, dict[str, Model]]]
"""Where each subscription stands, and what its read models hold."""


class WrongError(AssertionError):
    """A guarantee does not hold."""


def must(holds: bool, said: str) -> None:
    if not holds:
        raise WrongError(said)


class Oracle:
    """Folds the log for itself, in step with the checkpoints."""

    def __init__(self, log: SharedLog, reads: SharedReads) -> None:
        self._log, self._reads = log, reads
        self._events: list[Recorded[Any]] = []
        self._acknowledged: dict[str, Receipt] = {}
        self._at = dict.fromkeys(SUBSCRIPTIONS, 0)
        self._models = {name: {each: Model(each) for each in names} for name, names in GROUPS.items()}
        reads.watch, reads.watch_unparking = self.advanced, self.let_go

    def state(self) -> State:
        """What should be kept now."""
        return copy.deepcopy((self._at, self._models))

    def fall_back(self, state: State) -> None:
        """From now on this should be kept."""
        self._at, self._models = copy.deepcopy(state)

    def advanced(self, name: str, start: int, end: int) -> None:
        """A subscription has moved: onwards, and to where its rows are."""
        must(start == self._at[name], f"{name} moved on from {start}, but stood at {self._at[name]}")
        must(start <= end <= len(self._log.rows), f"{name} moved from {start} to {end} in {len(self._log.rows)}")
        for event in self.events[start:end]:
            for model in self._models.get(name, {}).values():
                model.take(event, self._models[name])
        self._at[name] = end
        self.look(name)

    def let_go(self, unparking: Unparking) -> None:
        """A parked key takes events again."""
        model = self._models[unparking.subscription][unparking.read_model]
        key = msgspec.json.decode(unparking.key)
        letters = [position for position in model.letters[key] if position not in unparking.skipped]
        must(
            sorted(model.letters[key]) == list(unparking.letters),
            f"{model.name} {key} was let go with {unparking.letters} instead of {model.letters[key]}",
        )
        model.replay(key, [self.events[position - 1] for position in letters])
        self.look(unparking.subscription)

    def look(self, name: str) -> None:
        """What is kept for one subscription is what the log says up to its checkpoint."""
        kept, at = self._reads.kept, self._at[name]
        found = kept.checkpoints[name].position if name in kept.checkpoints else 0
        must(found == at, f"{name} stands at {found} instead of {at}")
        if name == JOURNAL:
            lines = [line["position"] for line in kept.journal]
            wanted = [event.position for event in self.events[:at] if isinstance(event.event, JOURNALLED)]
            must(lines == wanted, f"the journal has {lines} instead of {wanted} at {at}")
        for model in self._models.get(name, {}).values():
            self._look_at(model, at)

    def acknowledged(self, receipt: Receipt) -> None:
        """Somebody was told that his command has been done."""
        earlier = self._acknowledged.setdefault(receipt.command_id, receipt)
        places = range(receipt.first, receipt.position + 1), range(earlier.first, earlier.position + 1)
        must(places[0] == places[1], f"{receipt.command_id} is at {places[0]} and at {places[1]}")
        self._look_for(receipt)

    def reached(self, names: Collection[str], position: int) -> None:
        """Somebody was told that these subscriptions have come so far."""
        found = {name: self._at[name] for name in names if self._at[name] < position}
        must(not found, f"{found} were said to have reached {position}")

    def finish(self) -> None:
        """All is calm, and everybody says that nothing is left to do."""
        head = len(self._log.rows)
        for name in SUBSCRIPTIONS:
            must(self._at[name] == head, f"{name} has ended at {self._at[name]} of {head}")
            self.look(name)
        must(not self._reads.kept.notes, f"stopped: {self._reads.kept.notes}")
        for receipt in self._acknowledged.values():
            self._look_for(receipt)
        self._look_for_doubles()
        self._look_at_accounts()

    @property
    def events(self) -> list[Recorded[Any]]:
        """The log as it is now."""
        new = self._log.rows[len(self._events) :]
        self._events += PARTS.registry.page(new)
        return self._events

    def _look_at(self, model: Model, at: int) -> None:
        kept = self._reads.kept
        rows = {key: msgspec.json.decode(row) for key, (_, row) in kept.rows.get(model.name, {}).items()}
        must(rows == model.rows, _difference(model.name, at, rows, model.rows))
        letters: dict[Any, Any] = {
            msgspec.json.decode(key): positions for (name, key), positions in kept.letters.items() if name == model.name
        }
        must(letters == model.letters, _difference(f"letters of {model.name}", at, letters, model.letters))
        parked = {msgspec.json.decode(key) for name, key in kept.parked if name == model.name}
        must(parked == model.letters.keys(), f"of {model.name}, {parked} are parked instead of {[*model.letters]}")

    def _look_for(self, receipt: Receipt) -> None:
        for event in self.events[receipt.first - 1 : receipt.position]:
            found = event.metadata.command_id
            must(
                found == receipt.command_id, f"{receipt.command_id} was done at {event.position}, but there is {found}"
            )
        must(receipt.position <= len(self._log.rows), f"{receipt.command_id} was done, and is not in the log")

    def _look_for_doubles(self) -> None:
        ids = [event.metadata.event_id for event in self.events]
        must(len(ids) == len(set(ids)), f"twice in the log: {sorted(each for each in ids if ids.count(each) > 1)}")

    def _look_at_accounts(self) -> None:
        """No account has ever paid what it had not: each command was decided on the state that it met."""
        models = {"account_view": (model := Model("account_view"))}
        for event in self.events:
            mended = event.event if not hasattr(event.event, "bad") else msgspec.structs.replace(event.event, bad=False)
            model.take(msgspec.structs.replace(event, event=mended), models)
            must(not model.letters, f"position {event.position} was decided on an account that is not open")
            below = [key for key, row in model.rows.items() if row["balance"] < 0]
            must(not below, f"account {below} has too little after position {event.position}")


def _difference(what: str, at: int, found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> str:
    keys = sorted({*found, *wanted}, key=repr)
    lines = [
        f"  {key}: {found.get(key)} instead of {wanted.get(key)}" for key in keys if found.get(key) != wanted.get(key)
    ]
    return "\n".join([f"{what} at {at}:", *lines])


__all__ = ["GROUPS", "JOURNAL", "SUBSCRIPTIONS", "Oracle", "WrongError", "must"]
