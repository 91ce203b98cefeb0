"""The tables of SQL projections beside those that serve: in a schema of their own, which is looked into first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from twofold.backends.postgres.connection import Connection, quoted
from twofold.projections.generations import numbered
from twofold.projections.indexes import fitting
from twofold.projections.layout import Layout, missing, not_beside
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.postgres", "reads.sql")


@asynccontextmanager
async def standing_in(connection: Connection, layout: Layout, number: int) -> AsyncGenerator[None]:
    """Let statements find the tables of a generation as long as this takes, in an open transaction.

    Raises ``StoreRefusedError`` where they are not there: statements would find those that serve.
    """
    path = await connection.fetchval(_SQL["path"])
    schema = await _schema_of(connection, layout, number)
    if gone := await connection.fetch(_SQL["missing_there"], schema, list(layout.tables)):
        raise missing(f"{schema}.{name}" for (name,) in gone)
    await connection.execute(_SQL["go_by_path"], f"{quoted(schema)}, {path}")
    yield
    await connection.execute(_SQL["go_by_path"], path)


async def lay_out_beside(connection: Connection, layout: Layout, number: int) -> None:
    """Make the tables of a generation."""
    schema = await _schema_of(connection, layout, number)
    await _make_schema(connection, schema)
    path = await connection.fetchval(_SQL["path"])
    await connection.execute(_SQL["go_by_path"], f"{quoted(schema)}, {path}")
    await connection.execute(layout.schema)
    await connection.execute(_SQL["go_by_path"], path)
    other = await connection.fetchrow(_SQL["made_there"], quoted(schema), list(layout.tables))
    if other is not None:
        raise not_beside(layout, f"the {other[0]} {other[1]}")
    await connection.execute(_SQL["remember_definitions"], [numbered(layout.name, number)], [layout.definition])


async def exchange(
    connection: Connection, layout: Layout, old: tuple[int, Sequence[str]], new: tuple[int, Sequence[str]]
) -> None:
    """Let the tables of one generation take the place of those of another, each with its number."""
    here = await connection.fetchval(_SQL["here"])
    (number, tables), (its_number, its_tables) = old, new
    aside, beside = [await _schema_of(connection, layout, each) for each in (number, its_number)]
    await _make_schema(connection, aside)
    await _move(connection, tables, here, aside)
    await connection.execute(_SQL["rename_definition"], numbered(layout.name, number), layout.name)
    await _move(connection, its_tables, beside, here)
    await connection.execute(_SQL["rename_definition"], layout.name, numbered(layout.name, its_number))
    await connection.execute(_SQL["drop_schema_beside"].format(schema=quoted(beside)))


async def remove_layout(connection: Connection, layout: Layout, number: int) -> None:
    """Drop the tables of a generation that is beside."""
    schema = await _schema_of(connection, layout, number)
    await connection.execute(_SQL["drop_schema_beside"].format(schema=quoted(schema)))
    await connection.execute(_SQL["forget_definition"], numbered(layout.name, number))


async def _make_schema(connection: Connection, schema: str) -> None:
    """Make it empty: what was left by a database that is no more has the same name."""
    for said in ("drop_schema_beside", "create_schema_beside"):
        await connection.execute(_SQL[said].format(schema=quoted(schema)))


async def _move(connection: Connection, tables: Sequence[str], source: str, target: str) -> None:
    for table in tables:
        name = f"{quoted(source)}.{quoted(table)}"
        await connection.execute(_SQL["move_table"].format(table=name, schema=quoted(target)))


async def _schema_of(connection: Connection, layout: Layout, number: int) -> str:
    """The schema where a generation stands beside: its name begins like that of the read models'."""
    return schema_beside(await connection.fetchval(_SQL["here"]), layout, number)


def schema_beside(here: str, layout: Layout, number: int) -> str:
    """The same, where the read models are known to be in ``here``."""
    return fitting(f"{here}__{numbered(layout.name, number)}")
