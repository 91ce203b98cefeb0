"""Tables of rows with checkpoints that move with them, as a database keeps them: for read models, and in the log for strong ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from twofold.errors import StoreRefusedError
from twofold.projections.port import Advance
from twofold.projections.table import Changes, Key, Table
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import standing, whole

Rows = dict[Key, bytes]
"""Rows as JSON, so that nobody shares one."""


class Tables(msgspec.Struct):
    """What is on disk. A table that is not in ``rows`` does not exist."""

    rows: dict[str, Rows] = {}
    checkpoints: dict[str, Checkpoint] = {}

    def copied(self) -> Tables:
        return Tables({name: dict(rows) for name, rows in self.rows.items()}, dict(self.checkpoints))

    def table(self, name: str) -> Rows:
        """``StoreRefusedError`` for one that is not there."""
        if name not in self.rows:
            raise StoreRefusedError(f"There is no table {name}", reason="schema", remedy="Put it back.")
        return self.rows[name]

    def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        rows = self.table(table.name)
        return [_row(table, rows[key]) for key in sorted(keys, key=repr) if key in rows]

    def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        rows = [_row(table, each) for each in self.table(table.name).values()]
        return [row for row in rows if getattr(row, column) in values]

    def places(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        return standing(self.checkpoints, names)

    def move(self, advance: Advance) -> bool:
        """Compare and set the checkpoint."""
        found = self.checkpoints.get(advance.name)
        at = advance.start if found is None else found
        if found is None and (advance.start.position > 0 or whole(advance.name) != advance.name):
            return False
        if (at.position, at.epoch) != (advance.start.position, advance.start.epoch):
            return False
        self.checkpoints[advance.name] = advance.end
        return True

    def forget(self, name: str) -> None:
        """Forget a subscription's checkpoint, and those of its partitions."""
        for each in [each for each in self.checkpoints if whole(each) == name]:
            del self.checkpoints[each]

    def write(self, changes: Changes) -> None:
        rows = self.table(changes.table.name)
        for key in changes.removed:
            rows.pop(key, None)
        for row in changes.rows:
            rows[_key(changes.table, row)] = msgspec.json.encode(row)


def written(advances: Sequence[Advance]) -> list[Advance]:
    """The same with rows of their own: what the caller does to his later is not in it."""
    return [
        msgspec.structs.replace(
            each,
            changes=[
                Changes(some.table, [_row(some.table, msgspec.json.encode(row)) for row in some.rows], [*some.removed])
                for some in each.changes
            ],
        )
        for each in advances
    ]


def _row(table: Table, encoded: bytes) -> Any:
    values = msgspec.json.decode(encoded)
    return table.row(*(values[name] for name in table.names))


def _key(table: Table, row: Any) -> Key:
    found = tuple(getattr(row, name) for name in table.key)
    return found[0] if len(found) == 1 else found
