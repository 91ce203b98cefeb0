"""All that is kept of read models against a fresh fold of the same log in another store: byte by byte, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from tests.stories.examination import everything, must_be_in_order
from tests.stories.raffle import READ_MODELS, marked
from twofold.app import App
from twofold.config import parse_places
from twofold.messages import Registry
from twofold.projections import Projection, Projector, ReadStore, define, groups_of
from twofold.projections.parking import key_from
from twofold.projections.table import Key
from twofold.rooms import rooms_for
from twofold.store.port import Append, NewEvent, Row
from twofold.subscriptions import Engine
from twofold.testing import MemoryLog, MemoryReads


class Kept(NamedTuple):
    """Of a partition, where it stands, its rows as JSON, and what is parked."""

    position: int
    event: tuple[int, str]
    rows: list[bytes]
    parked: list[tuple[Any, ...]]


async def must_be_fresh(url: str, registry: Registry, *, level: bool = False, reads: str | None = None) -> int:
    """Look at each read model at one moment, and fold the log up to there anew. Whether it is ``level`` with the log too."""
    rooms = rooms_for(parse_places(url, reads), migrate=True)
    await rooms.open()
    try:
        kept = {define(cls).name: await _kept(rooms.reads, define(cls)) for cls in READ_MODELS}
        by_sql = (await rooms.reads.query(TAKINGS, {})).rows
        rows = await everything(rooms.log)
    finally:
        await rooms.close()
    must_be_in_order(rows)
    assert not level or all(kept.values())
    for cls in READ_MODELS:
        for part, found in kept[define(cls).name].items():
            fresh = await _folded(define(cls), registry, rows[: found.position])
            assert found == fresh.get(part, found._replace(rows=[], parked=[])), f"{part} at {found.position}"
            assert not level or found.position == len(rows), f"{part} is at {found.position} of {len(rows)}"
    _must_be_fresh_by_sql(by_sql, rows, level=level)
    return len(rows)


TAKINGS = """
select position, stand, sold, mark from twofold_checkpoints left join takings on true where name = 'takings' order by stand
"""
"""Of one moment, as one statement."""


def _must_be_fresh_by_sql(found: Sequence[Sequence[Any]], rows: list[Row], *, level: bool) -> None:
    position = found[0][0] if found else 0
    sold: dict[str, list[int]] = {}
    for row in rows[:position]:
        sold.setdefault(row[1].removeprefix("stand-"), []).append(row[0])
    expected = [[position, stand, len(sold[stand]), marked(0, sold[stand])] for stand in sorted(sold)]
    assert [list(row) for row in found if row[1] is not None] == expected, f"takings at {position}"
    assert not level or position == len(rows), f"takings is at {position} of {len(rows)}"


async def _folded(projection: Projection, registry: Registry, rows: list[Row]) -> dict[str, Kept]:
    log, reads = MemoryLog(), MemoryReads()
    await log.append([Append(tuple(NewEvent(row[1], *row[3:]) for row in rows))] if rows else [])
    await reads.install([projection.table])
    await Engine(log, registry, Projector(reads, [projection], parked_max=100)).settle()
    return await _kept(reads, projection)


async def _kept(reads: ReadStore, projection: Projection) -> dict[str, Kept]:
    """What is kept at one moment, by partition."""
    rows: list[Any] = []
    await reads.install([projection.table])
    survey = await reads.survey(projection.table, [projection.name], lambda _, some: rows.extend(some))
    (group,) = groups_of([projection])
    (column,) = projection.table.key_columns
    count = len(survey.checkpoints)

    def part_of(key: Key) -> str:
        return group.part_of(key, count)

    return {
        name: Kept(
            at.position,
            (at.event_position, at.event_id),
            sorted(msgspec.json.encode(row) for row in rows if part_of(getattr(row, column.name)) == name),
            [
                msgspec.structs.astuple(each)[:-1]
                for each in survey.parked
                if part_of(key_from(projection.table, each.key)) == name
            ],
        )
        for name, at in survey.checkpoints.items()
    }


async def must_be_level(app: App, url: str) -> None:
    """Everything is at the head, and each parked key has kept every letter of its own."""
    await app.control.wait(timeout_seconds=60)
    count = await must_be_fresh(url, app.registry, level=True)
    parked = {each.key: each.since for each in await app.reads.parked(["drum"])}
    for key, since in parked.items():
        letters = [each for each in range(since, count + 1) if each % 40 == int(key)]
        assert list(await app.reads.letters("drum", key)) == letters
