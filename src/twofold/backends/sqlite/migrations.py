"""Who a file belongs to (its application id) and which migrations ran in it."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from twofold.backends.sqlite.transaction import transaction
from twofold.errors import StoreRefusedError
from twofold.store.migrations import Applied, Migration, SchemaState, refuse_pending, state
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.sqlite", "migrations.sql")


class Schema:
    """The schema of one kind of file. ``application_id`` (32 bits, in the file's header) tells the kinds apart."""

    def __init__(self, application_id: int, migrations: Sequence[Migration], what: str) -> None:
        self._application_id = application_id
        self._migrations = migrations
        self._what = what

    @property
    def absent(self) -> SchemaState:
        """Where a file stands that does not exist."""
        return state(self._migrations, ())

    def current(self, connection: apsw.Connection) -> SchemaState:
        """Where the file stands; changes nothing. ``StoreRefusedError``: foreign, from the future, changed scripts."""
        self._refuse_foreign(connection)
        if not connection.execute(_SQL["has_migrations"]).get:
            return self.absent
        return state(self._migrations, [Applied(*row) for row in connection.execute(_SQL["applied"])])

    def upgrade(self, connection: apsw.Connection) -> SchemaState:
        """Run what is missing, all in one transaction, and say where the file stands now."""
        if not self.current(connection).pending:
            return self.current(connection)
        with transaction(connection):
            # Asked again under the lock: another process may have done it meanwhile.
            for migration in self.current(connection).pending:
                self._run(connection, migration)
        return self.current(connection)

    def refuse_pending(self, connection: apsw.Connection) -> None:
        """``StoreRefusedError`` while a migration is missing."""
        refuse_pending(self.current(connection), connection.filename or "in memory")

    def _run(self, connection: apsw.Connection, migration: Migration) -> None:
        connection.execute(f"pragma application_id = {self._application_id}")
        connection.execute(_SQL["create_migrations"])
        connection.execute(migration.script).fetchall()  # To its end, whatever it answers.
        connection.execute(_SQL["record"], (migration.number, migration.name, migration.checksum))

    def _refuse_foreign(self, connection: apsw.Connection) -> None:
        # In this order: whoever installs just now makes both true at once, so a file that was seen full is seen owned.
        empty = connection.execute(_SQL["is_empty"]).get
        found = connection.execute("pragma application_id").get
        if found == self._application_id or (found == 0 and empty):
            return
        raise StoreRefusedError(
            f"{connection.filename} is not {self._what} (application id: {found:#x}, ours: {self._application_id:#x})",
            reason="foreign",
            remedy="Name another file; this one was not touched.",
        )
