"""What the read models should hold, told again in the plainest way: one event after the other over dicts.

It shares nothing with the engine but the events themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from tests.simulation.domain import Closed, Deposited, Opened, Renamed, Withdrawn
from twofold.messages import Recorded

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, Row]
Others: TypeAlias = Mapping[str, "Model"]


class BrokenError(Exception):
    """This key cannot take this event."""


class Model:
    """One read model: its rows, and the events that parked keys have not taken."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: Rows = {}
        self.letters: dict[str, list[int]] = {}
        self.keys, self.change = SHAPES[name]

    def take(self, event: Recorded[Any], others: Others) -> None:
        keys = list(self.keys(event, self.rows))
        if isinstance(event.event, Renamed) and self.name == "statement":
            keys = [*keys, *(key for key in self.letters if key not in keys)]
        for key in keys:
            if key in self.letters:
                self.letters[key].append(event.position)
            else:
                self._change(key, event, others)

    def replay(self, key: str, events: Iterable[Recorded[Any]]) -> None:
        """A parked key takes its letters after all, by mended code."""
        del self.letters[key]
        for event in events:
            if key in self.keys(event, {key: self.rows[key]} if key in self.rows else {}):
                mended = msgspec.structs.replace(event, event=_mended(event.event))
                self.rows.update(self._changed(key, mended, {}))
                self._sweep()

    def _change(self, key: str, event: Recorded[Any], others: Others) -> None:
        try:
            self.rows.update(self._changed(key, event, others))
        except BrokenError:
            self.letters[key] = [event.position]
        self._sweep()

    def _changed(self, key: str, event: Recorded[Any], others: Others) -> Rows:
        row = dict(self.rows[key]) if key in self.rows else None
        return {key: self.change(key, row, event, others)}

    def _sweep(self) -> None:
        self.rows = {key: row for key, row in self.rows.items() if row}


def _mended(event: Any) -> Any:
    return msgspec.structs.replace(event, bad=False) if hasattr(event, "bad") else event


def _mark(row: Row, event: Recorded[Any]) -> int:
    return (int(row["mark"]) * 31 + event.position) % 1_000_003


def _refuse(event: Any) -> None:
    if getattr(event, "bad", False):
        raise BrokenError


def _account(event: Recorded[Any], rows: Rows) -> list[str]:
    return [] if isinstance(event.event, Renamed) else [event.stream.partition("-")[2]]


def _account_view(key: str, row: Row | None, event: Recorded[Any], others: Others) -> Row:
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
            _refuse(event.event)
        case _:
            raise AssertionError(event)
    return {**row, "mark": _mark(row, event)}


def _flows(event: Recorded[Any], rows: Rows) -> list[str]:
    match event.event:
        case Deposited(amount=amount):
            return [f"small-{amount % 2}", "all"]
        case Withdrawn():
            return ["all"]
        case _:
            return []


def _flow(key: str, row: Row | None, event: Recorded[Any], others: Others) -> Row:
    row = row or {"kind": key, "total": 0, "mark": 0}
    row["total"] += event.event.amount if isinstance(event.event, Deposited) else -event.event.amount
    return {**row, "mark": _mark(row, event)}


def _statements(event: Recorded[Any], rows: Rows) -> list[str]:
    match event.event:
        case Opened():
            return [event.stream.partition("-")[2]]
        case Renamed(owner_id=owner):
            return [key for key, row in rows.items() if row["owner"] == owner]
        case _:
            return []


def _statement(key: str, row: Row | None, event: Recorded[Any], others: Others) -> Row:
    if isinstance(event.event, Opened):
        return {"account_id": key, "owner": event.event.owner, "heading": ""}
    assert row is not None
    _refuse(event.event)
    return {**row, "heading": row["heading"] + event.event.name}


def _owners(event: Recorded[Any], rows: Rows) -> list[str]:
    return [event.event.owner_id] if isinstance(event.event, Renamed) else []


def _owner(key: str, row: Row | None, event: Recorded[Any], others: Others) -> Row:
    return {"owner_id": key, "name": event.event.name, "names": row["names"] + 1 if row else 1}


def _openings(event: Recorded[Any], rows: Rows) -> list[str]:
    return [event.stream.partition("-")[2]] if isinstance(event.event, Opened) else []


def _opening(key: str, row: Row | None, event: Recorded[Any], others: Others) -> Row:
    owner = others["owner_view"].rows.get(event.event.owner)
    seen = f"{owner['name']}/{owner['names']} " if owner else "-/0 "
    return {"account_id": key, "owners": (row["owners"] if row else "") + seen}


def _closings(event: Recorded[Any], rows: Rows) -> list[str]:
    return ["everybody"] if isinstance(event.event, Closed) else []


def _closing(key: str, row: Row | None, event: Recorded[Any], others: Others) -> Row:
    return {"everybody": key, "positions": [*(row["positions"] if row else []), event.position]}


SHAPES: dict[str, tuple[Callable[[Recorded[Any], Rows], list[str]], Callable[..., Row]]] = {
    "account_view": (_account, _account_view),
    "flow": (_flows, _flow),
    "statement": (_statements, _statement),
    "owner_view": (_owners, _owner),
    "opening": (_openings, _opening),
    "closings": (_closings, _closing),
}
JOURNALLED = (Opened, Withdrawn, Closed)
