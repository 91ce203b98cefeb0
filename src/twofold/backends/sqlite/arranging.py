"""The checkpoints of a subscription exchanged for those of other partitions."""

from __future__ import annotations

import apsw
import msgspec

from twofold.backends.sqlite.writing import SqliteWriter, run_here
from twofold.projections.port import Arrangement
from twofold.store.pages import load_page
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import standing

_SQL = load_page("twofold.backends.sqlite", "reads.sql")


def arrange(connection: apsw.Connection, wanted: Arrangement) -> bool:
    """Exchange them, if they are as expected. What stands under the subscription's own name stays, as a fence."""
    name, after = wanted.subscription, wanted.after
    found = family(connection, name)
    before = {each: (at.position, at.epoch) for each, at in wanted.before.items()}
    if standing(found, [name]) != before:
        return False
    epoch = max([1, *(epoch for _, epoch in found.values())]) + 1
    connection.execute(_SQL["forget_partitions"], (name,))
    for each, at in ({name: next(iter(after.values()))} | dict(after)).items():
        connection.execute(_SQL["set_checkpoint"], (each, *fields(at)[:-1], epoch))
    connection.execute(_SQL["remove_notes"], (name,))
    if wanted.work is not None:
        run_here(wanted.work(SqliteWriter(connection)))
    return True


def family(connection: apsw.Connection, name: str) -> dict[str, tuple[int, int]]:
    """Position and epoch of a subscription's own checkpoint and of those of its partitions, by name."""
    found = connection.execute(_SQL["family"], (name,)).fetchall()
    return {each: (position, epoch) for each, position, epoch in msgspec.convert(found, list[tuple[str, int, int]])}


def fields(at: Checkpoint) -> tuple[object, ...]:
    """A checkpoint as it is kept."""
    return at.position, at.store_id, at.log_epoch, at.event_position, at.event_id, at.epoch
