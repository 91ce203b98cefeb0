"""The read models' schema: tables of rows, with the checkpoints that move with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from twofold.backends.postgres import twins
from twofold.backends.postgres.arranging import arrange
from twofold.backends.postgres.connection import Connection, Connections, quoted
from twofold.backends.postgres.generations import completing, drop, enter, generations_of, switch
from twofold.backends.postgres.layouts import schema_beside
from twofold.backends.postgres.leases import LEASE_TABLES, PostgresLeases
from twofold.backends.postgres.open_rows import PostgresRows, told_of_values, write_rows
from twofold.backends.postgres.parked import Undone, let_go, letters_of, parked_of, skipped_of
from twofold.backends.postgres.questions import Questions, secret_of
from twofold.backends.postgres.safety import refuse_unfit
from twofold.backends.postgres.survey import rows_of, survey
from twofold.backends.postgres.tables import add_column, renew_words, statements
from twofold.projections.amendment import Amendment, amendment, refuse_changed, refuse_partial_groups
from twofold.projections.generations import Generation, Switch
from twofold.projections.layout import Layout, Made
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Advance, Arrangement, CatchUp, Found, Survey, Take, Unparking
from twofold.projections.table import Key, Table
from twofold.projections.twin import Twin
from twofold.store.pages import load_page
from twofold.subscriptions import Checkpoint, Note

_SQL = load_page("twofold.backends.postgres", "reads.sql")

_TABLES = (
    _SQL["create_checkpoints"],
    _SQL["create_errors"],
    _SQL["create_read_models"],
    _SQL["create_generations"],
    _SQL["create_parked"],
    _SQL["create_letters"],
    _SQL["create_skipped"],
    _SQL["create_secrets"],
)

INDEX_SECONDS = 24 * 3600.0
"""How long indexes of tables with rows may take: as long as they need, but for a server that has fallen silent."""


class PostgresReads:
    """A ``ReadStore`` in the schema ``schema`` of the database at ``url``, which is made if it is missing.

    It is written without waiting for the disk (``synchronous_commit=off``): a crash may rewind it, rows and
    checkpoints together, and the log makes up for it. At most ``pool_max`` connections each write and ask; a question
    may take ``query_seconds``.
    """

    def __init__(self, url: str, *, schema: str = "public", pool_max: int = 4, query_seconds: float = 30.0) -> None:
        settings = {"synchronous_commit": "off", "application_name": "twofold read models"}
        self._pool_max = pool_max
        self._connections = Connections(url, schema, size_max=pool_max, settings=settings)
        self._questions = Questions(url, schema=schema, timeout_seconds=query_seconds, pool_max=pool_max)
        self._schema = schema
        self.leases = PostgresLeases(self._connections)

    async def open(self) -> None:
        try:
            await self._connections.open()
            await self._questions.open()
            await self._prepare()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._questions.close()
        await self._connections.close()

    async def install(
        self, tables: Sequence[Table], layouts: Sequence[Layout] = (), *, leave: Collection[str] = ()
    ) -> None:
        async with self._connections.transaction() as connection:
            await self._alone(connection)
            for layout in layouts:
                await self._lay_out(connection, layout)
            await self._install(connection, [table for table in tables if table.name not in leave])
        self.know(tables)

    def know(self, tables: Sequence[Table]) -> None:
        self._questions.know(tables)

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        async with self._connections.connection() as connection:
            return await PostgresRows(connection).checkpoints(names)

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        async with self._connections.connection() as connection:
            return await PostgresRows(connection).load(table, keys)

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        async with self._connections.connection() as connection:
            return await PostgresRows(connection).find(table, column, values)

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        async with self._connections.transaction() as connection:
            return await PostgresRows(connection).save(advances)

    async def survey(self, table: Table, beside: Sequence[str], take: Take) -> Survey:
        async with self._connections.transaction(read_only=True, isolation="repeatable_read") as connection:
            return await survey(connection, table, beside, take)

    async def arrange(self, arrangement: Arrangement) -> bool:
        with suppress(Undone):
            async with self._connections.transaction() as connection:
                if not await arrange(connection, arrangement):
                    raise Undone
                return True
        return False

    async def parked(self, read_models: Collection[str]) -> Sequence[Parked]:
        async with self._connections.connection() as connection:
            return await parked_of(connection, read_models)

    async def letters(self, read_model: str, key: str) -> Sequence[int]:
        async with self._connections.connection() as connection:
            return await letters_of(connection, read_model, key)

    async def skipped(self, read_models: Collection[str]) -> Sequence[Letter]:
        async with self._connections.connection() as connection:
            return await skipped_of(connection, read_models)

    async def unpark(self, unparking: Unparking) -> Checkpoint | None:
        with suppress(Undone):
            async with self._connections.transaction() as connection:
                if not await let_go(connection, unparking):
                    raise Undone
                with told_of_values():
                    for changes in unparking.changes:
                        await write_rows(connection, changes)
                name = unparking.subscription
                return (await PostgresRows(connection).checkpoints([name]))[name]
        return None

    async def definitions(self, tables: Collection[str], layouts: Collection[str] = ()) -> Mapping[str, str]:
        async with self._connections.connection() as connection:
            found = await self._there(connection, {*tables, *layouts})
        # Those of SQL projections are not called like a table.
        return {
            name: made_from
            for name, (made_from, exists) in found.items()
            if made_from is not None and (exists or name in layouts)
        }

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        async with self._connections.connection() as connection:
            return await generations_of(connection, subscriptions)

    async def enter(self, generation: Generation, made: Sequence[Made] = (), *, over: Generation | None = None) -> bool:
        async with self._connections.transaction() as connection:
            await self._alone(connection)
            return await enter(connection, generation, made, over)

    async def complete(self, generation: Generation, made: Sequence[Made]) -> None:
        for index in completing(generation.number, made):
            async with self._connections.transaction() as connection:
                await self._alone(connection, generation.subscription)
                await connection.execute(index, timeout=INDEX_SECONDS)

    async def switch(self, change: Switch, *, catch_up: CatchUp | None = None) -> bool:
        # One connection holds the old one, others may wait for it, and one is needed to catch up.
        may_wait = self._pool_max > 2
        async with self._connections.transaction() as connection:
            await self._alone(connection)
            return await switch(connection, change, catch_up if may_wait else None)

    async def drop(self, generation: Generation, made: Sequence[Made]) -> bool:
        async with self._connections.transaction() as connection:
            await self._alone(connection)
            return await drop(connection, generation, made)

    def twin(self, layout: Layout, number: int | None = None) -> AbstractAsyncContextManager[Twin]:
        schema = self._schema if number is None else schema_beside(self._schema, layout, number)
        return twins.opened(self._connections, layout, here=self._schema, schema=schema)

    def on_loss(self, listener: Callable[[], None]) -> None:
        self._connections.on_loss(listener)
        self._questions.on_loss(listener)

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        async with self._connections.connection() as connection:
            return {name: Note(*fields) for name, *fields in await connection.fetch(_SQL["notes"], list(names))}

    async def note(self, name: str, note: Note | None) -> None:
        async with self._connections.connection() as connection:
            if note is None:
                await connection.execute(_SQL["remove_note"], name)
            else:
                await connection.execute(_SQL["write_note"], name, note.position, note.code, note.message, note.facts)

    async def select(self, table: Table, tail: str, params: Mapping[str, object]) -> list[Any]:
        said = statements(table)
        return said.codec.rows(await self._questions.rows(f"{said.select} {tail}", params))

    async def query(self, sql: str, params: Mapping[str, object]) -> Found:
        return await self._questions.ask(sql, params)

    async def secret(self) -> bytes:
        return await secret_of(self._questions)

    async def _prepare(self) -> None:
        async with self._connections.transaction() as connection:
            await refuse_unfit(connection, self._connections.address)
            await self._alone(connection)
            schema = _SQL["create_schema"].format(schema=quoted(self._schema))
            await connection.execute(";\n".join([schema, *_TABLES, *LEASE_TABLES, _SQL["make_secret"]]))

    async def _alone(self, connection: Connection, subscription: str = "") -> None:
        """Let nobody else make tables meanwhile, or nobody those of this subscription."""
        await connection.execute(_SQL["wait_as_long_as_it_takes"])
        await connection.execute(_SQL["lock"], f"{self._schema} {subscription}".strip())

    async def _there(self, connection: Connection, names: Collection[str]) -> Mapping[str, tuple[str | None, bool]]:
        """The definition under which each of these was made (None: not by us), and whether there is a table of that name."""
        found = await connection.fetch(_SQL["there"], list(names), self._schema)
        return {name: (made_from, exists) for name, made_from, exists in found}

    async def _lay_out(self, connection: Connection, layout: Layout) -> None:
        found = await self._there(connection, {layout.name, *layout.tables})
        there = [name for name in layout.tables if found[name][1]]
        refuse_changed(layout, found[layout.name][0], there)
        if not there:
            await connection.execute(_SQL["begin_anew"], [layout.name], [])
            await connection.execute(layout.schema)
            await connection.execute(_SQL["remember_definitions"], [layout.name], [layout.definition])

    async def _install(self, connection: Connection, tables: Sequence[Table]) -> None:
        found = await self._there(connection, {table.name for table in tables})
        refuse_partial_groups(tables, [name for name, (_, exists) in found.items() if exists])
        missing = [table for table in tables if not found[table.name][1]]
        for table in tables:
            made_from, exists = found[table.name]
            if exists and made_from != table.definition:
                await _amend(connection, table, amendment(table, made_from))
        made = [statements(table).create for table in missing]
        made += [index for table in tables for index in statements(table).indexes]
        if missing:
            filled = [table.subscription for table in missing]
            await connection.execute(_SQL["begin_anew"], filled, [table.name for table in missing])
        if made:  # All at once, because an app with thirty read models would wait for an answer some hundred times.
            await connection.execute(";\n".join(made), timeout=INDEX_SECONDS)
        if missing:
            names, definitions = zip(*[(table.name, table.definition) for table in missing], strict=True)
            await connection.execute(_SQL["remember_definitions"], names, definitions)


async def _amend(connection: Connection, table: Table, amended: Amendment) -> None:
    for column in amended.columns:
        await connection.execute(add_column(table, column))
    for name in amended.dropped:
        await connection.execute(_SQL["drop_index"].format(index=quoted(name)))
    if amended.searched:
        for statement in renew_words(table):
            await connection.execute(statement)
        await _write_again(connection, table)
    await connection.execute(_SQL["remember_definitions"], [table.name], [table.definition])


async def _write_again(connection: Connection, table: Table) -> None:
    """Write each row as it is, with its words."""
    said = statements(table)
    async for rows in rows_of(connection, table):
        await connection.execute(said.upsert, *said.codec.columns(rows))
