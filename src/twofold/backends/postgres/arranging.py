"""The checkpoints of a subscription exchanged for those of other partitions."""

from __future__ import annotations

from twofold.backends.postgres.connection import Connection
from twofold.backends.postgres.writing import PostgresWriter
from twofold.projections.port import Arrangement
from twofold.store.pages import load_page
from twofold.subscriptions import Checkpoint
from twofold.subscriptions.partition import standing

_SQL = load_page("twofold.backends.postgres", "reads.sql")


async def arrange(connection: Connection, wanted: Arrangement) -> bool:
    """Exchange them, if they are as expected. What stands under the subscription's own name stays, as a fence."""
    name, after = wanted.subscription, wanted.after
    first = next(iter(after.values()))
    # Somebody who begins it at this moment, in whatever partitions, is waited for here, or waits.
    is_new = await connection.execute(_SQL["begin_checkpoint"], name, *fields(first)) == "INSERT 0 1"
    found = await family(connection, name)
    if is_new:
        del found[name]
    before = {each: (at.position, at.epoch) for each, at in wanted.before.items()}
    if standing(found, [name]) != before:
        return False
    epoch = max([1, *(epoch for _, epoch in found.values())]) + 1
    await connection.execute(_SQL["forget_partitions"], name)
    await connection.execute(_SQL["set_checkpoint"], name, *fields(after.get(name, first))[:-1], epoch)
    for each, at in after.items():
        if each != name:
            await connection.execute(_SQL["add_checkpoint"], each, *fields(at)[:-1], epoch)
    await connection.execute(_SQL["remove_notes"], name)
    if wanted.work is not None:
        await wanted.work(PostgresWriter(connection))
    return True


async def family(connection: Connection, name: str) -> dict[str, tuple[int, int]]:
    """Position and epoch of a subscription's own checkpoint and of those of its partitions, by name, held."""
    await connection.execute(_SQL["hold_checkpoint"], name)
    return {each: (position, epoch) for each, position, epoch in await connection.fetch(_SQL["family"], name)}


def fields(at: Checkpoint) -> tuple[object, ...]:
    """A checkpoint as it is kept."""
    return at.position, at.store_id, at.log_epoch, at.event_position, at.event_id, at.epoch
