"""Looking at everything that is kept, past every app: tables of each generation, checkpoints, parked keys, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tests.projections.shapes import Customer, Placed, made_up
from twofold.projections import ReadModel, define
from twofold.projections.generations import Generation, numbered, subscription_of
from twofold.projections.parking import Letter, Parked
from twofold.projections.table import Table
from twofold.rooms import Rooms
from twofold.store.port import Row
from twofold.subscriptions import Checkpoint, Note

NARROW, WIDE = (made_up({Placed: 2}, always=False, group=False, wide=wide) for wide in (False, True))
TABLES: Mapping[type[ReadModel], Table] = {cls: define(cls).table for cls in (Customer, NARROW, WIDE)}


class SeenTable(msgspec.Struct):
    """The rows of a table as JSON, by key, and the letters of its parked keys."""

    definition: str
    rows: Mapping[str, bytes]
    letters: Mapping[str, Sequence[int]]

    @property
    def cls(self) -> type[ReadModel]:
        """A class with the columns of the table."""
        if not self.definition.startswith("id text, customer "):
            return Customer
        return WIDE if ", extra int" in self.definition else NARROW


class Seen(msgspec.Struct):
    """Everything at one moment."""

    log: Sequence[Row] = ()
    generations: Sequence[Generation] = ()
    checkpoints: Mapping[str, Checkpoint] = {}
    tables: Mapping[str, SeenTable] = {}
    parked: Sequence[Parked] = ()
    skipped: Sequence[Letter] = ()
    notes: Mapping[str, Note] = {}

    @property
    def definitions(self) -> Mapping[str, str]:
        return {name: table.definition for name, table in self.tables.items()}

    def table_of(self, generation: Generation, name: str) -> SeenTable | None:
        active = generation.state == "active"
        return self.tables.get(name if active else numbered(name, generation.number))

    def position_of(self, generation: Generation) -> int:
        name = generation.subscription
        about = name if generation.state == "active" else subscription_of(name, generation.number)
        return self.checkpoints[about].position if about in self.checkpoints else 0


async def look(rooms: Rooms, subscriptions: Sequence[str], read_models: Sequence[str]) -> Seen:
    """Everything that is kept of these."""
    reads = rooms.reads
    log = (await rooms.log.read(count_max=100_000)).rows
    generations = await reads.generations(subscriptions)
    numbers = sorted({each.number for each in generations})
    names = [*read_models, *(numbered(name, number) for name in read_models for number in numbers)]
    abouts = [*subscriptions, *(subscription_of(name, number) for name in subscriptions for number in numbers)]
    definitions = await reads.definitions(names)
    parked = await reads.parked(names)
    tables = {
        name: SeenTable(
            definition,
            await _rows(rooms, name, definition),
            {each.key: await reads.letters(name, each.key) for each in parked if each.read_model == name},
        )
        for name, definition in definitions.items()
    }
    skipped = sorted(await reads.skipped(names), key=msgspec.structs.astuple)
    return Seen(
        list(log),
        generations,
        await reads.checkpoints(abouts),
        tables,
        parked,
        skipped,
        await reads.notes(abouts),
    )


async def _rows(rooms: Rooms, name: str, definition: str) -> dict[str, bytes]:
    table = TABLES[SeenTable(definition, {}, {}).cls]
    rows: Any = await rooms.reads.select(msgspec.structs.replace(table, name=name), "", {})
    return {key: msgspec.json.encode(row) for key, row in sorted((row.id, row) for row in rows)}
