"""Generations of read models: made beside the one that serves, and exchanged with it by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TypeAlias

import apsw
import msgspec

from twofold.backends.sqlite.arranging import family
from twofold.backends.sqlite.layouts import exchange, lay_out_beside, remove_layout
from twofold.backends.sqlite.tables import quoted, search_words, statements
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
from twofold.projections.table import Table
from twofold.store.pages import load_page
from twofold.subscriptions.partition import partition_names, standing

_SQL = load_page("twofold.backends.sqlite", "reads.sql")

Step: TypeAlias = Callable[[apsw.Connection], object]
"""One piece of work in a transaction."""


def generations_of(connection: apsw.Connection, subscriptions: Collection[str]) -> list[Generation]:
    wanted = msgspec.json.encode(list(subscriptions)).decode()
    found = connection.execute(_SQL["generations"], (wanted,)).fetchall()
    rows = [(*fields, msgspec.json.decode(str(tables))) for *fields, tables in found]
    return msgspec.convert(rows, list[Generation])


def enter(connection: apsw.Connection, generation: Generation, made: Sequence[Made], over: Generation | None) -> bool:
    """Note a generation, and make its tables, with no indexes but those that their own folds need."""
    about = generation.subscription, generation.number
    names = msgspec.json.encode(generation.tables).decode()
    if over is None:
        connection.execute(_SQL["enter_generation"], (*about, generation.code, generation.state, names))
        if connection.changes() == 0:
            return False
    elif over in generations_of(connection, [generation.subscription]):
        connection.execute(_SQL["change_generation"], (generation.code, generation.state, names, *about))
    else:
        return False
    for layout in layouts_of(made):
        lay_out_beside(connection, layout, generation.number)
    for table in tables_of(made):
        _make(connection, table, generation.number)
    return True


def _make(connection: apsw.Connection, table: Table, number: int) -> None:
    made = beside(table, number)
    _remove(connection, made.name)
    connection.execute(statements(made).create)
    for index in statements(made).indexes if made.strong else statements(made).sought:
        connection.execute(index)
    if made.strong:  # It stands in the log's file, where making an index of many rows would keep appends waiting.
        _search(made, connection)
    connection.execute(_SQL["remember_definition"], (made.name, in_generation(table, number).definition))


def completing(number: int, made: Sequence[Made]) -> list[Step]:
    """What makes the indexes and the search that ``enter`` has left out, one after the other; nothing where they are there."""
    tables = [beside(table, number) for table in tables_of(made)]
    steps: list[Step] = [partial(_run, index) for table in tables for index in statements(table).indexes]
    return steps + [partial(_search, table) for table in tables]


def switch(connection: apsw.Connection, change: Switch) -> bool:
    """Exchange two generations, if the new one may take over."""
    name, old, new = change.subscription, change.old, change.new
    beside = subscription_of(name, new)
    if not change.fits(generations_of(connection, [name])):
        return False
    here, there = family(connection, name), family(connection, beside)
    if not may_take_over(change, standing(here, [name]), standing(there, [beside])):
        return False
    if any(each.state == "active" and each.number != old for each in generations_of(connection, [name])):
        return False
    for step in completing(new, change.made) if not change.back else ():
        step(connection)
    epoch = max(epoch for _, epoch in (*here.values(), *there.values())) + 1
    tables = {each.number: each.tables for each in generations_of(connection, [name])}
    for layout in layouts_of(change.made):
        exchange(connection, layout, (old, tables.get(old, layout.tables)), (new, tables[new]))
    for table in tables_of(change.made):
        _rename(connection, table.name, numbered(table.name, old))
        _rename(connection, numbered(table.name, new), table.name)
    # Whoever thought that what serves was still to take over may have let it stand beside.
    connection.execute(_SQL["forget_checkpoint"], (subscription_of(name, old),))
    connection.execute(_SQL["rename_checkpoint"], (subscription_of(name, old), epoch, name))
    connection.execute(_SQL["rename_checkpoint"], (name, epoch, beside))
    if list(there) == [beside] and change.partitions > 1:
        for each in partition_names(name, change.partitions):
            connection.execute(_SQL["split_checkpoint"], (each, name))
    connection.execute(_SQL["remove_notes"], (name,))
    connection.execute(_SQL["set_generation"], (change.leaves, name, old))
    connection.execute(_SQL["set_generation"], ("active", name, new))
    return True


def drop(connection: apsw.Connection, generation: Generation, made: Sequence[Made]) -> bool:
    """Remove the tables and what is known of them, if it is as it was taken for."""
    if generation not in generations_of(connection, [generation.subscription]):
        return False
    for layout in layouts_of(made):
        remove_layout(connection, layout, generation.number, generation.tables)
    for table in tables_of(made):
        _remove(connection, numbered(table.name, generation.number))
    about = subscription_of(generation.subscription, generation.number)
    connection.execute(_SQL["forget_checkpoint"], (about,))
    connection.execute(_SQL["set_generation"], (generation.dropped, generation.subscription, generation.number))
    return True


def _rename(connection: apsw.Connection, name: str, other: str) -> None:
    """Let a table have another name, with its search and everything that is known under its name."""
    words, others = search_words(name), search_words(other)
    triggers = connection.execute(_SQL["search_triggers"], (name,)).fetchall()
    for (trigger,) in triggers:
        connection.execute(_SQL["drop_trigger"].format(trigger=quoted(str(trigger))))
    connection.execute(_SQL["rename_table"].format(table=words["table"], other=others["table"]))
    if triggers:
        connection.execute(_SQL["rename_table"].format(table=words["search"], other=others["search"]))
        connection.execute(_SQL["create_search_triggers"].format(**others))
    for said in ("rename_parked", "rename_letters", "rename_definition"):
        connection.execute(_SQL[said], (other, name))


def _run(sql: str, connection: apsw.Connection) -> None:
    connection.execute(sql)


def _search(table: Table, connection: apsw.Connection) -> None:
    """Let a search, if there is one, find the rows that are there, and follow them from now on."""
    if table.searchable and not connection.execute(_SQL["search_triggers"], (table.name,)).fetchall():
        connection.execute(_SQL["fill_search"].format(**search_words(table.name)))
        connection.execute(statements(table).follow)


def _remove(connection: apsw.Connection, name: str) -> None:
    words = search_words(name)
    for table in ("search", "table"):
        connection.execute(_SQL["drop_table"].format(table=words[table]))
    for said in ("forget_definition", "forget_every_parked", "forget_every_letter"):
        connection.execute(_SQL[said], (name,))
