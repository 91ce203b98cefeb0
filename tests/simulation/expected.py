"""What the read models should hold, told again in the plainest way: one event after the other over dicts.

It shares nothing with the engine but the events themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from tests.simulation.domain import Closed, Deposited, Opened, Renamed, Withdrawn
from tests.simulation.read_models import MODULUS, UNLUCKY, Code
from twofold.messages import Recorded

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, Row]
Others: TypeAlias = Mapping[str, "Model"]
Skipped: TypeAlias = Collection[tuple[str, str, int]]
"""Letters that are left out for good: read model, key and position."""


class BrokenError(Exception):
    """This key cannot take this event."""


class Model:
    """One read model as some code makes it: its rows, and the events that parked keys have not taken."""

    def __init__(self, name: str, code: Code) -> None:
        self.name, self.code = name, code
        self.rows: Rows = {}
        self.letters: dict[str, list[int]] = {}
        self.keys, self.change = SHAPES[name]

    def copied(self) -> Model:
        """Rows are never changed, only replaced."""
        other = Model(self.name, self.code)
        other.rows = dict(self.rows)
        other.letters = {key: list(positions) for key, positions in self.letters.items()}
        return other

    def take(
        self,
        event: Recorded[Any],
        others: Others,
        skipped: Skipped = frozenset(),
        owns: Callable[[str], bool] = lambda key: True,
    ) -> None:
        """Fold an event into the keys that somebody ``owns``, but for those that are to leave it out for good."""
        keys = list(filter(owns, self.keys(event, self.rows)))
        if self.name == "statement" and isinstance(event.event, Renamed):
            self._keep_for_all(event, owns)
        for key in keys:
            if (self.name, key, event.position) in skipped:
                continue
            if key in self.letters:
                self._keep(key, event)
            else:
                self._change(key, event, others)

    def replay(self, key: str, events: Iterable[Recorded[Any]], code: Code) -> None:
        """A parked key takes its letters after all, by this code, mended."""
        del self.letters[key]
        for event in events:
            if key in self.keys(event, {key: self.rows[key]} if key in self.rows else {}):
                mended = msgspec.structs.replace(event, event=_mended(event.event))
                self.rows[key] = self._changed(key, mended, {}, code)
                self._sweep()

    def _keep_for_all(self, event: Recorded[Any], owns: Callable[[str], bool]) -> None:
        """An event for all rows that hold a value: what a parked one will hold is not known yet."""
        for key in filter(owns, self.letters):
            self._keep(key, event)

    def _keep(self, key: str, event: Recorded[Any]) -> None:
        if event.position not in self.letters[key]:
            self.letters[key].append(event.position)

    def _change(self, key: str, event: Recorded[Any], others: Others) -> None:
        try:
            self.rows[key] = self._changed(key, event, others, self.code)
        except BrokenError:
            self.letters[key] = [event.position]
        self._sweep()

    def _changed(self, key: str, event: Recorded[Any], others: Others, code: Code) -> Row:
        row = dict(self.rows[key]) if key in self.rows else None
        return self.change(key, row, event, others, code)

    def _sweep(self) -> None:
        self.rows = {key: row for key, row in self.rows.items() if row}


def _mended(event: Any) -> Any:
    return msgspec.structs.replace(event, bad=False) if hasattr(event, "bad") else event


def _mark(row: Row, event: Recorded[Any], twist: int) -> int:
    return (int(row["mark"]) * 31 + event.position * twist) % MODULUS


def _refuse(bad: bool, code: Code) -> None:
    if bad and not code.takes_bad:
        raise BrokenError


def _account(event: Recorded[Any], rows: Rows) -> list[str]:
    return [] if isinstance(event.event, Renamed) else [event.stream.partition("-")[2]]


def _account_view(key: str, row: Row | None, event: Recorded[Any], others: Others, code: Code) -> Row:
    match event.event:
        case Closed():
            if row is None:
                raise BrokenError
            return {}
        case Opened():
            row = row or {"account_id": key, "balance": 0, "mark": 0}
            row["balance"] = 0
        case Deposited(amount=amount) | Withdrawn(amount=amount):
            if row is None:
                raise BrokenError
            row["balance"] += amount if isinstance(event.event, Deposited) else -amount
            _refuse(getattr(event.event, "bad", False), code)
        case _:
            raise AssertionError(event)
    return {**row, "mark": _mark(row, event, code.twist)}


def _flows(event: Recorded[Any], rows: Rows) -> list[str]:
    match event.event:
        case Deposited(amount=amount):
            return [f"small-{amount % 2}", "all"]
        case Withdrawn():
            return ["all"]
        case _:
            return []


def _flow(key: str, row: Row | None, event: Recorded[Any], others: Others, code: Code) -> Row:
    row = row or {"kind": key, "total": 0, "mark": 0}
    row["total"] += event.event.amount if isinstance(event.event, Deposited) else -event.event.amount
    return {**row, "mark": _mark(row, event, code.twist)}


def _statements(event: Recorded[Any], rows: Rows) -> list[str]:
    match event.event:
        case Opened():
            return [event.stream.partition("-")[2]]
        case Renamed(owner_id=owner):
            return [key for key, row in rows.items() if row["owner"] == owner]
        case _:
            return []


def _statement(key: str, row: Row | None, event: Recorded[Any], others: Others, code: Code) -> Row:
    if isinstance(event.event, Opened):
        return {"account_id": key, "owner": event.event.owner, "heading": ""}
    assert row is not None
    _refuse(event.event.bad, code)
    return {**row, "heading": row["heading"] + event.event.name * code.twist}


def _owners(event: Recorded[Any], rows: Rows) -> list[str]:
    return [event.event.owner_id] if isinstance(event.event, Renamed) else []


def _owner(key: str, row: Row | None, event: Recorded[Any], others: Others, code: Code) -> Row:
    return {"owner_id": key, "name": event.event.name, "names": (row["names"] if row else 0) + code.twist}


def _openings(event: Recorded[Any], rows: Rows) -> list[str]:
    return [event.stream.partition("-")[2]] if isinstance(event.event, (Opened, Deposited)) else []


def _opening(key: str, row: Row | None, event: Recorded[Any], others: Others, code: Code) -> Row:
    row = row or {"account_id": key, "owners": "", "received": 0}
    if isinstance(event.event, Deposited):
        return {**row, "received": row["received"] + event.event.amount}
    owner = others["owner_view"].rows.get(event.event.owner)
    seen = f"{owner['name']}/{owner['names']} " if owner else "-/0 "
    return {**row, "owners": row["owners"] + seen}


def _closings(event: Recorded[Any], rows: Rows) -> list[str]:
    return ["everybody"] if isinstance(event.event, Closed) else []


def _closing(key: str, row: Row | None, event: Recorded[Any], others: Others, code: Code) -> Row:
    return {"everybody": key, "positions": [*(row["positions"] if row else []), event.position * code.twist]}


def _purses(event: Recorded[Any], rows: Rows) -> list[str]:
    return [] if isinstance(event.event, (Renamed, Closed)) else _account(event, rows)


def _purse(key: str, row: Row | None, event: Recorded[Any], others: Others, code: Code) -> Row:
    row = row or {"account_id": key, "balance": 0, "mark": 0}
    match event.event:
        case Opened():
            row["balance"] = 0
        case Deposited(amount=amount):
            _refuse(amount == UNLUCKY, code)
            row["balance"] += amount
        case _:
            row["balance"] -= event.event.amount
    return {**row, "mark": _mark(row, event, code.twist)}


def _everything(event: Recorded[Any], rows: Rows) -> list[str]:
    return ["everything"] if isinstance(event.event, (Opened, Closed, Deposited)) else []


def _tally(key: str, row: Row | None, event: Recorded[Any], others: Others, code: Code) -> Row:
    row = row or {"everything": key, "opened": 0, "closed": 0, "received": 0}
    match event.event:
        case Deposited(amount=amount):
            row["received"] += amount
        case Opened():
            row["opened"] += 1
        case _:
            row["closed"] += 1
    return row


SHAPES: dict[str, tuple[Callable[[Recorded[Any], Rows], list[str]], Callable[..., Row]]] = {
    "account_view": (_account, _account_view),
    "flow": (_flows, _flow),
    "statement": (_statements, _statement),
    "owner_view": (_owners, _owner),
    "opening": (_openings, _opening),
    "closings": (_closings, _closing),
    "purse": (_purses, _purse),
    "tally": (_everything, _tally),
}
JOURNALLED = (Opened, Withdrawn, Closed)
