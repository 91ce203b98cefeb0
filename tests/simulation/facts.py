"""What the log says, and what people outside were told of it."""

from __future__ import annotations

from typing import Any

from tests.simulation.expected import Model
from tests.simulation.log import SharedLog
from tests.simulation.read_models import LAST, PARTS
from twofold.deciders import Receipt
from twofold.messages import Recorded


class WrongError(AssertionError):
    """A guarantee does not hold."""


def must(holds: bool, said: str) -> None:
    if not holds:
        raise WrongError(said)


class Facts:
    """The log as it is, and the answers that were given."""

    def __init__(self, log: SharedLog) -> None:
        self._log = log
        self._events: list[Recorded[Any]] = []
        self._acknowledged: dict[str, Receipt] = {}
        self._refused: set[str] = set()

    @property
    def head(self) -> int:
        return len(self._log.rows)

    @property
    def events(self) -> list[Recorded[Any]]:
        """The log as it is now."""
        new = self._log.rows[len(self._events) :]
        if new:
            self._events += PARTS[LAST.name].registry.page(new)
        return self._events

    def acknowledged(self, receipt: Receipt) -> None:
        """Somebody was told that his command has been done."""
        earlier = self._acknowledged.setdefault(receipt.command_id, receipt)
        places = range(receipt.first, receipt.position + 1), range(earlier.first, earlier.position + 1)
        must(places[0] == places[1], f"{receipt.command_id} is at {places[0]} and at {places[1]}")
        self._look_for(receipt)

    def refused(self, command_id: str) -> None:
        """Somebody was told that his command will not be done."""
        self._refused.add(command_id)

    def finish(self) -> None:
        """All is calm: what was said is so, and every command was decided on the state that it met."""
        for receipt in self._acknowledged.values():
            self._look_for(receipt)
        done = {event.metadata.command_id for event in self.events}
        must(done.isdisjoint(self._refused), f"refused, and in the log: {sorted(self._refused & done)}")
        ids = [event.metadata.event_id for event in self.events]
        must(len(ids) == len(set(ids)), f"twice in the log: {sorted(each for each in ids if ids.count(each) > 1)}")
        self._look_at_accounts()

    def _look_for(self, receipt: Receipt) -> None:
        for event in self.events[receipt.first - 1 : receipt.position]:
            found = event.metadata.command_id
            must(
                found == receipt.command_id, f"{receipt.command_id} was done at {event.position}, but there is {found}"
            )
        must(receipt.position <= self.head, f"{receipt.command_id} was done, and is not in the log")

    def _look_at_accounts(self) -> None:
        """No account has ever paid what it had not."""
        models = {"account_view": (model := Model("account_view", LAST))}
        for event in self.events:
            model.take(event, models)
            must(not model.letters, f"position {event.position} was decided on an account that is not open")
            below = [key for key, row in model.rows.items() if row["balance"] < 0]
            must(not below, f"account {below} has too little after position {event.position}")
