"""Generations of read models: made beside the one that serves, and exchanged with it by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from twofold.backends.postgres.arranging import family
from twofold.backends.postgres.connection import Connection, quoted
from twofold.backends.postgres.layouts import exchange, lay_out_beside, remove_layout
from twofold.backends.postgres.tables import statements, words_index
from twofold.projections.generations import (
    Generation,
    Switch,
    beside,
    in_generation,
    may_take_over,
    numbered,
    subscription_of,
)
from twofold.projections.layout import Made, layouts_of, tables_of
from twofold.projections.port import CatchUp
from twofold.projections.table import Table
from twofold.store.pages import load_page
from twofold.subscriptions.partition import partition_names, standing

_SQL = load_page("twofold.backends.postgres", "reads.sql")


async def generations_of(connection: Connection, subscriptions: Collection[str]) -> list[Generation]:
    found = await connection.fetch(_SQL["generations"], list(subscriptions))
    return msgspec.convert([tuple(row) for row in found], list[Generation])


async def enter(connection: Connection, generation: Generation, made: Sequence[Made], over: Generation | None) -> bool:
    """Note a generation, and make its tables, with no indexes but those that their own folds need."""
    about = generation.subscription, generation.number
    what = generation.code, generation.state, list(generation.tables)
    if over is None:
        if await connection.execute(_SQL["enter_generation"], *about, *what) != "INSERT 0 1":
            return False
    elif over in await generations_of(connection, [generation.subscription]):
        await connection.execute(_SQL["change_generation"], *what, *about)
    else:
        return False
    for layout in layouts_of(made):
        await lay_out_beside(connection, layout, generation.number)
    for table in tables_of(made):
        await _make(connection, table, generation.number)
    return True


async def _make(connection: Connection, table: Table, number: int) -> None:
    made = beside(table, number)
    await _remove(connection, made.name)
    await connection.execute(statements(made).create)
    for index in statements(made).sought:
        await connection.execute(index)
    await connection.execute(_SQL["remember_definitions"], [made.name], [in_generation(table, number).definition])


def completing(number: int, made: Sequence[Made]) -> list[str]:
    """What makes the indexes that ``enter`` has left out, where they are not there."""
    return [index for table in tables_of(made) for index in statements(beside(table, number)).indexes]


async def switch(connection: Connection, change: Switch, catch_up: CatchUp | None = None) -> bool:
    """Exchange two generations, if the new one may take over, perhaps after it was let ``catch_up`` over other connections."""
    name, old, new = change.subscription, change.old, change.new
    beside = subscription_of(name, new)
    if not change.fits(await generations_of(connection, [name])):
        return False
    here = await family(connection, name)  # From here on nobody moves it.
    if catch_up is not None and here and not change.back:
        await catch_up(max(position for position, _ in here.values()))
    there = await family(connection, beside)
    if not may_take_over(change, standing(here, [name]), standing(there, [beside])):
        return False
    if any(each.state == "active" and each.number != old for each in await generations_of(connection, [name])):
        return False
    if is_unmoved := not here:
        await connection.execute(_SQL["begin_beside"], name, beside)
        here = await family(connection, name)
        if not may_take_over(change, standing(here, [name]), standing(there, [beside])):
            return False  # Somebody has begun it at this moment, and come further.
    for index in completing(change.new, change.made) if not change.back else ():
        await connection.execute(index)
    epoch = max(epoch for _, epoch in (*here.values(), *there.values())) + 1
    tables = {each.number: each.tables for each in await generations_of(connection, [name])}
    for layout in layouts_of(change.made):
        await exchange(connection, layout, (old, tables.get(old, layout.tables)), (new, tables[new]))
    for table in tables_of(change.made):
        await _rename(connection, table.name, numbered(table.name, old))
        await _rename(connection, numbered(table.name, new), table.name)
    if is_unmoved:
        await connection.execute(_SQL["forget_checkpoint"], name)
    # Whoever thought that what serves was still to take over may have let it stand beside.
    await connection.execute(_SQL["forget_checkpoint"], subscription_of(name, old))
    await connection.execute(_SQL["rename_checkpoint"], subscription_of(name, old), epoch, name)
    await connection.execute(_SQL["rename_checkpoint"], name, epoch, beside)
    if list(there) == [beside] and change.partitions > 1:
        for each in partition_names(name, change.partitions):
            await connection.execute(_SQL["split_checkpoint"], each, name)
    await connection.execute(_SQL["remove_notes"], name)
    await connection.execute(_SQL["set_generation"], change.leaves, name, old)
    await connection.execute(_SQL["set_generation"], "active", name, new)
    return True


async def drop(connection: Connection, generation: Generation, made: Sequence[Made]) -> bool:
    """Remove the tables and what is known of them, if it is as it was taken for."""
    if generation not in await generations_of(connection, [generation.subscription]):
        return False
    for layout in layouts_of(made):
        await remove_layout(connection, layout, generation.number)
    for table in tables_of(made):
        await _remove(connection, numbered(table.name, generation.number))
    await connection.execute(_SQL["forget_checkpoint"], subscription_of(generation.subscription, generation.number))
    await connection.execute(_SQL["set_generation"], generation.dropped, generation.subscription, generation.number)
    return True


async def _rename(connection: Connection, name: str, other: str) -> None:
    """Let a table have another name, with everything that is known under its name."""
    await connection.execute(_SQL["rename_table"].format(table=quoted(name), other=quoted(other)))
    index, its_other = quoted(words_index(name)), quoted(words_index(other))
    await connection.execute(_SQL["rename_index"].format(index=index, other=its_other))
    for said in ("rename_parked", "rename_letters", "rename_definition"):
        await connection.execute(_SQL[said], other, name)


async def _remove(connection: Connection, name: str) -> None:
    await connection.execute(_SQL["drop_table"].format(table=quoted(name)))
    for said in ("forget_definition", "forget_every_parked", "forget_every_letter"):
        await connection.execute(_SQL[said], name)
