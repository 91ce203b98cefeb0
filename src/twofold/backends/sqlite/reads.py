"""The read models' file: tables of rows, with the checkpoints that move with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from twofold.backends.sqlite import twins
from twofold.backends.sqlite.arranging import arrange
from twofold.backends.sqlite.connection import Database
from twofold.backends.sqlite.generations import Step, completing, drop, enter, generations_of, switch
from twofold.backends.sqlite.leases import SqliteLeases
from twofold.backends.sqlite.migrations import Schema
from twofold.backends.sqlite.open_rows import (
    BOUND_AT_ONCE,
    Bound,
    SqliteRows,
    bind_in_turns,
    told_of_values,
    write,
)
from twofold.backends.sqlite.parked import Undone, forget_parked, let_go, letters_of, parked_of, skipped_of
from twofold.backends.sqlite.questions import Questions, find_rows, prepare
from twofold.backends.sqlite.survey import ROWS_AT_ONCE, survey, survey_apart
from twofold.backends.sqlite.tables import (
    add_column,
    names,
    quoted,
    search_table,
    statements,
)
from twofold.backends.sqlite.transaction import transaction
from twofold.backends.sqlite.writing import run_here
from twofold.projections.amendment import Amendment, amendment, refuse_changed, refuse_partial_groups
from twofold.projections.generations import Generation, Switch, active_name
from twofold.projections.layout import Layout, Made
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Advance, Arrangement, CatchUp, Found, Survey, Take, Unparking
from twofold.projections.table import Changes, Key, Table
from twofold.projections.twin import Twin
from twofold.store.migrations import load_migrations
from twofold.store.pages import load_page
from twofold.subscriptions import Checkpoint, Note

T = TypeVar("T")

_PACKAGE = "twofold.backends.sqlite"
_SQL = load_page(_PACKAGE, "reads.sql")

_BESIDE_LOG = {
    "reads": "twofold_checkpoints",
    "errors": "twofold_errors",
    "parked": "twofold_parked",
    "generations": "twofold_generations",
}
"""The migrations that strong read models need where the log is, and a table by which it is seen that one was run."""

READS_APPLICATION_ID = 0x54465244
"""``TFRD`` in the file's header: the read models of a Twofold store."""


class SqliteReads:
    """A ``ReadStore`` in a file of its own, or in memory (None).

    It is written without waiting for the disk: a crash may rewind it, rows and checkpoints together, and the log makes
    up for it. A question may take ``query_seconds``. ``database`` is for whoever keeps other disposable things there.
    """

    def __init__(
        self, path: Path | None, *, migrate: bool = True, query_seconds: float = 30.0, vfs: str | None = None
    ) -> None:
        self.database = Database(path, synchronous="NORMAL", vfs=vfs)
        self._log: Database | None = None
        self._strong: frozenset[str] = frozenset()
        self._strong_tables: frozenset[str] = frozenset()
        self._migrate = migrate
        self._questions = Questions(self.database, timeout_seconds=query_seconds)
        self.leases = SqliteLeases(self.database)

    def keep_strong_in(self, log: Database) -> None:
        """Have strong read models in the log's own database, which somebody else opens: only there do they move with it."""
        self._log = log

    async def open(self) -> None:
        schema = Schema(READS_APPLICATION_ID, load_migrations(_PACKAGE, "reads_schema"), "a read database of Twofold")
        await self.database.open(schema, migrate=self._migrate)
        await self.database.run(prepare)
        if self.database.path is not None:
            await self.database.read(prepare)
        if self._log is not None:
            await _prepare_beside(self._log)
            await self.database.attach(self._log)

    async def close(self) -> None:
        await self._questions.close()
        await self.database.close()

    async def install(
        self, tables: Sequence[Table], layouts: Sequence[Layout] = (), *, leave: Collection[str] = ()
    ) -> None:
        self.know(tables)
        strong = [table for table in tables if self._home(table.subscription) is self._log]
        weak = [table for table in tables if table not in strong and table.name not in leave]

        def work(connection: apsw.Connection) -> None:
            with transaction(connection):
                _make(connection, weak, layouts)
                for table in strong:
                    _give_up(connection, table)

        await self.database.run(work)
        if strong and self._log is not None:
            await self._log.run(partial(_make_strong, [table for table in strong if table.name not in leave]))

    def know(self, tables: Sequence[Table]) -> None:
        self._questions.know(tables)
        strong = [table for table in tables if table.strong and self._log is not None]
        self._strong = frozenset(table.subscription for table in strong)
        self._strong_tables = frozenset(table.name for table in strong)

    async def checkpoints(self, names: Collection[str]) -> Mapping[str, Checkpoint]:
        found: dict[str, Checkpoint] = {}
        for database, some in self._at_home(names, str):
            found |= await database.read(partial(_checkpoints, some))
        return found

    async def load(self, table: Table, keys: Collection[Key]) -> list[Any]:
        home = self._home(table.subscription)
        return await home.run(lambda connection: run_here(SqliteRows(connection).load(table, keys)))

    async def find(self, table: Table, column: str, values: Collection[object]) -> list[Any]:
        home = self._home(table.subscription)
        return await home.run(lambda connection: run_here(SqliteRows(connection).find(table, column, values)))

    async def save(self, advances: Sequence[Advance]) -> list[bool]:
        saved: dict[str, bool] = {}
        for database, some in self._at_home(advances, lambda advance: advance.name):
            many = [each for advance in some for each in advance.changes if len(each.rows) > BOUND_AT_ONCE]
            bound = {id(changes): await bind_in_turns(changes) for changes in many}
            done = await database.run(partial(_save, some, bound))
            saved |= zip((each.name for each in some), done, strict=True)
        return [saved[advance.name] for advance in advances]

    def _home(self, name: str) -> Database:
        """Where a subscription is, and so is every generation of it."""
        return self._log if active_name(name) in self._strong and self._log is not None else self.database

    def _at_home(self, things: Collection[T], name_of: Callable[[T], str]) -> Iterator[tuple[Database, list[T]]]:
        """The things sorted by the database where their subscription is."""
        for database in dict.fromkeys((self.database, self._log or self.database)):
            if some := [thing for thing in things if self._home(name_of(thing)) is database]:
                yield database, some

    def twin(self, layout: Layout, number: int | None = None) -> AbstractAsyncContextManager[Twin]:
        return twins.opened(self.database, layout, number)

    def on_loss(self, listener: Callable[[], None]) -> None:
        """Nothing to tell: what takes the file back takes this process, too."""

    async def survey(self, table: Table, beside: Sequence[str], take: Take) -> Survey:
        home = self._home(table.subscription)
        # It may take long: on a connection of its own, so that nobody waits, where there can be another.
        if home.path is not None:
            return await asyncio.to_thread(lambda: survey_apart(home, table, beside, take))
        return await home.run(lambda connection: survey(connection, table, beside, take))

    async def arrange(self, arrangement: Arrangement) -> bool:
        def work(connection: apsw.Connection) -> bool:
            with transaction(connection):
                return arrange(connection, arrangement)

        return await self._home(arrangement.subscription).run(work)

    async def parked(self, read_models: Collection[str]) -> Sequence[Parked]:
        return await self.database.read(lambda connection: parked_of(connection, read_models))

    async def letters(self, read_model: str, key: str) -> Sequence[int]:
        return await self.database.read(lambda connection: letters_of(connection, read_model, key))

    async def skipped(self, read_models: Collection[str]) -> Sequence[Letter]:
        return await self.database.read(lambda connection: skipped_of(connection, read_models))

    async def unpark(self, unparking: Unparking) -> Checkpoint | None:
        def work(connection: apsw.Connection) -> Checkpoint | None:
            with suppress(Undone), transaction(connection):
                if not let_go(connection, unparking):
                    raise Undone
                with told_of_values():
                    for changes in unparking.changes:
                        write(connection, changes)
                name = unparking.subscription
                return _checkpoints([name], connection)[name]
            return None

        return await self.database.run(work)

    async def definitions(self, tables: Collection[str], layouts: Collection[str] = ()) -> Mapping[str, str]:
        found = await self.database.read(partial(_definitions, [*set(tables) - self._strong_tables], layouts))
        if (strong := self._strong_tables.intersection(tables)) and self._log is not None:
            found |= await self._log.read(partial(_definitions, strong, ()))
        return found

    async def generations(self, subscriptions: Collection[str]) -> Sequence[Generation]:
        found: list[Generation] = []
        for database, some in self._at_home(subscriptions, str):
            found += await database.read(partial(_generations, some))
        return sorted(found, key=lambda each: (each.subscription, each.number))

    async def enter(self, generation: Generation, made: Sequence[Made] = (), *, over: Generation | None = None) -> bool:
        def work(connection: apsw.Connection) -> bool:
            with transaction(connection):
                return enter(connection, generation, made, over)

        return await self._home(generation.subscription).run(work)

    async def complete(self, generation: Generation, made: Sequence[Made]) -> None:
        def alone(step: Step, connection: apsw.Connection) -> None:
            with transaction(connection):
                step(connection)

        # Each in a transaction of its own, so that live folds have their turn between them.
        for step in completing(generation.number, made):
            await self._home(generation.subscription).run(partial(alone, step))

    async def switch(self, change: Switch, *, catch_up: CatchUp | None = None) -> bool:
        def work(connection: apsw.Connection) -> bool:
            with transaction(connection):
                return switch(connection, change)

        return await self._home(change.subscription).run(work)

    async def drop(self, generation: Generation, made: Sequence[Made]) -> bool:
        def work(connection: apsw.Connection) -> bool:
            with transaction(connection):
                return drop(connection, generation, made)

        return await self._home(generation.subscription).run(work)

    async def notes(self, names: Collection[str]) -> Mapping[str, Note]:
        found: dict[str, Note] = {}
        for database, some in self._at_home(names, str):
            found |= await database.read(partial(_notes, some))
        return found

    async def note(self, name: str, note: Note | None) -> None:
        def work(connection: apsw.Connection) -> None:
            with transaction(connection):
                if note is None:
                    connection.execute(_SQL["remove_note"], (name,))
                else:
                    connection.execute(_SQL["write_note"], (name, note.position, note.code, note.message, note.facts))

        await self._home(name).run(work)

    async def select(self, table: Table, tail: str, params: Mapping[str, object]) -> list[Any]:
        said = statements(table)
        found = await self._questions.ask(f"{said.select} {tail}", params, find_rows)
        return said.codec.rows(found.rows)

    async def query(self, sql: str, params: Mapping[str, object]) -> Found:
        return await self._questions.ask(sql, params)

    async def secret(self) -> bytes:
        def work(connection: apsw.Connection) -> bytes:
            [(secret,)] = connection.execute(_SQL["secret"])
            assert isinstance(secret, bytes)
            return secret

        return await self.database.read(work)


def _checkpoints(names: Collection[str], connection: apsw.Connection) -> Mapping[str, Checkpoint]:
    return run_here(SqliteRows(connection).checkpoints(names))


def _save(advances: Sequence[Advance], bound: Mapping[int, Bound], connection: apsw.Connection) -> list[bool]:
    with transaction(connection):
        return run_here(SqliteRows(connection, bound).save(advances))


def _definitions(tables: Collection[str], layouts: Collection[str], connection: apsw.Connection) -> dict[str, str]:
    wanted = [msgspec.json.encode(list(names)).decode() for names in (tables, layouts)]
    found = connection.execute(_SQL["definitions"], wanted)
    return {str(name): str(made_from) for name, made_from in found}


def _generations(subscriptions: Collection[str], connection: apsw.Connection) -> list[Generation]:
    return generations_of(connection, subscriptions)


def _notes(names: Collection[str], connection: apsw.Connection) -> dict[str, Note]:
    found = connection.execute(_SQL["notes"], (msgspec.json.encode(list(names)).decode(),))
    return {name: Note(*fields) for name, *fields in found}


async def _prepare_beside(log: Database) -> None:
    """Have beside a log what keeps the checkpoints of strong read models, and what else is known of them."""

    def work(connection: apsw.Connection) -> None:
        prepare(connection)
        with transaction(connection):
            for migration in load_migrations(_PACKAGE, "reads_schema"):
                made = _BESIDE_LOG.get(migration.name)
                if made is not None and not connection.execute(_SQL["has_table"], (made,)).get:
                    connection.execute(migration.script).fetchall()

    await log.run(work)
    if log.path is not None:
        await log.read(prepare)


def _make_strong(tables: Sequence[Table], connection: apsw.Connection) -> None:
    with transaction(connection):
        _make(connection, tables, ())


def _make(connection: apsw.Connection, tables: Sequence[Table], layouts: Sequence[Layout]) -> None:
    refuse_partial_groups(tables, _there(connection, [table.name for table in tables]))
    for layout in layouts:
        _lay_out(connection, layout)
    for table in tables:
        _install(connection, table)


def _give_up(connection: apsw.Connection, table: Table) -> None:
    """Remove a table that was ours and is to be elsewhere: questions would find it first."""
    if connection.execute(_SQL["definition"], (table.name,)).get[0] is not None:
        connection.execute(_SQL["give_up"].format(table=quoted(table.name), search=quoted(search_table(table))))
        connection.execute(_SQL["forget_definition"], (table.name,))
        connection.execute(_SQL["forget_checkpoint"], (table.subscription,))


def _there(connection: apsw.Connection, names: Sequence[str]) -> list[str]:
    return [name for name in names if connection.execute(_SQL["definition"], (name,)).get[1]]


def _lay_out(connection: apsw.Connection, layout: Layout) -> None:
    made_from, _ = connection.execute(_SQL["definition"], (layout.name,)).get
    there = _there(connection, layout.tables)
    refuse_changed(layout, made_from, there)
    if not there:
        connection.execute(_SQL["forget_checkpoint"], (layout.name,))
        connection.execute(layout.schema)
        connection.execute(_SQL["remember_definition"], (layout.name, layout.definition))


def _install(connection: apsw.Connection, table: Table) -> None:
    made_from, exists = connection.execute(_SQL["definition"], (table.name,)).fetchall()[0]
    assert made_from is None or isinstance(made_from, str)
    if not exists:
        connection.execute(_SQL["forget_checkpoint"], (table.subscription,))
        if not table.strong:  # Those refuse what they cannot take: nothing of them is ever parked.
            forget_parked(connection, table.name)
        connection.execute(statements(table).create)
        connection.execute(statements(table).follow)
        connection.execute(_SQL["remember_definition"], (table.name, table.definition))
    elif made_from != table.definition:
        _amend(connection, table, amendment(table, made_from))
    for index in statements(table).indexes:
        connection.execute(index)


def _amend(connection: apsw.Connection, table: Table, amended: Amendment) -> None:
    for column in amended.columns:
        connection.execute(add_column(table, column))
    for name in amended.dropped:
        connection.execute(_SQL["drop_index"].format(index=quoted(name)))
    if amended.searched:
        _make_again(connection, table)
    connection.execute(_SQL["remember_definition"], (table.name, table.definition))


def _make_again(connection: apsw.Connection, table: Table) -> None:
    """Make a table anew around its rows, with whatever others have made for it."""
    said = statements(table)
    others = connection.execute(_SQL["made_by_others"], (table.name,)).fetchall()
    words = {"table": quoted(table.name), "search": quoted(search_table(table)), "columns": names(table)}
    connection.execute(_SQL["set_aside"].format(**words))
    connection.execute(said.create)
    connection.execute(said.follow)
    rows = connection.execute(_SQL["rows_set_aside"].format(**words))
    while found := list(islice(rows, ROWS_AT_ONCE)):
        write(connection, Changes(table, said.codec.rows(found)))
    connection.execute(_SQL["forget_set_aside"])
    for (sql,) in others:
        assert isinstance(sql, str)
        connection.execute(sql)
