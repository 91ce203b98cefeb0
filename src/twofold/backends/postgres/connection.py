"""Bounded pools of connections to PostgreSQL, with settings of our own, that reconnect by themselves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import asyncpg

from twofold.backends.postgres.address import Address, parse_address
from twofold.backends.postgres.failures import FAILURES, failure
from twofold.backends.postgres.pool import CONNECT_SECONDS, Pool, PoolConnection
from twofold.backends.postgres.session import Session
from twofold.errors import InvalidInputError, StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

Isolation: TypeAlias = Literal["read_committed", "repeatable_read"]
Translated: TypeAlias = Callable[[BaseException, object], StoreError]

ANSWER_SECONDS = 60.0
"""Longer than any ``statement_timeout`` here: it ends the wait for a server that has fallen silent."""

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "application_name": "twofold",
        "default_transaction_isolation": "read committed",
        "lock_timeout": "5s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
        "transaction_timeout": "120s",
        "jit": "off",
    }
)
"""What every connection of ours starts with, whatever the defaults of the database or the role are.

A process that is frozen keeps its locks until its transaction is ended for it. Where it had prepared a statement and not yet run it,
the server does not call it idle: only ``transaction_timeout`` ends that. Whoever takes over a lease does not wait for either.
"""

NEWER: Mapping[str, int] = MappingProxyType({"transaction_timeout": 17})
"""The version of PostgreSQL that brought a setting: older ones refuse its name."""

_SET = "select set_config(s.name, s.value, true) from unnest($1::text[], $2::text[]) s(name, value)"


def quoted(name: str) -> str:
    """An identifier for SQL. ``InvalidInputError`` for what PostgreSQL would cut or refuse."""
    if not name or "\x00" in name or len(name.encode()) > 63:
        raise InvalidInputError(
            f"Not a schema name: {name[:70]!r}", what="schema", remedy="Use 1 to 63 bytes, best in snake_case."
        )
    return '"' + name.replace('"', '""') + '"'


class Connections:
    """A bounded pool of at most ``size_max``. It connects when needed, so a database that comes back is simply used again.

    ``schemas`` are the search path, with temporary tables last, so that none can hide a table of ours. ``settings``
    go over ``SETTINGS``. Behind a transaction pooler nothing is prepared, and settings go with each transaction.
    """

    def __init__(
        self, url: str, *schemas: str, size_max: int = 8, settings: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.address: Address = parse_address(url)
        path = ", ".join([*map(quoted, schemas), "pg_temp"])
        self._settings = {**SETTINGS, "search_path": path, **settings}
        self._size_max = size_max
        self._pool: Pool | None = None
        self._listener: Callable[[], None] = lambda: None
        self.losses = 0

    def on_loss(self, listener: Callable[[], None]) -> None:
        """Call it whenever a connection is lost; ``losses`` counts them."""
        self._listener = listener

    def __repr__(self) -> str:
        return f"Connections({self.address}, size_max={self._size_max})"

    async def open(self, *, at_once: bool = True) -> None:
        """Connect, or begin to do so when needed; ``StoreUnavailableError`` or ``StoreRefusedError`` says why that is impossible."""
        if self._pool is None:
            self._pool = Pool(self._size_max, {**self._options(), "init": self._watch})
            await self._pool.open()
        if at_once:
            async with self.connection():
                pass

    async def close(self) -> None:
        """Wait until every connection has been given back, then close them all."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Open for the length of the block; one that is open already stays so."""
        if self._pool is not None:
            yield
            return
        await self.open()
        try:
            yield
        finally:
            await self.close()

    def connection(self, *, translated: Translated = failure) -> AbstractAsyncContextManager[Connection]:
        """A connection, given back at the end. Behind a transaction pooler the block is one transaction.

        What fails inside is raised as ``translated``; what fails before the block wrote nothing in any case.
        """
        return (
            self._begun("read_committed", False, translated) if self.address.through_pooler else self._lent(translated)
        )

    def transaction(
        self, *, read_only: bool = False, isolation: Isolation = "read_committed", translated: Translated = failure
    ) -> AbstractAsyncContextManager[Connection]:
        """A connection in a transaction that is committed at the end, or rolled back when the block raises."""
        return self._begun(isolation, read_only, translated)

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """One connection outside the pool, for whoever keeps it. The driver's own errors pass."""
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            timeout=CONNECT_SECONDS, **self._options()
        )
        await self._watch(connection)
        return connection

    def drop(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """End one of these at once, which is no loss."""
        connection.remove_termination_listener(self._lost)
        connection.terminate()

    async def _watch(self, connection: Connection) -> None:
        connection.add_termination_listener(self._lost)
        if not self.address.through_pooler:
            for name, value in self._known(NEWER, connection).items():
                await connection.execute(f"set {name} = '{value}'")  # Without parameters it is one round trip.

    def _known(self, names: Collection[str], connection: Connection) -> Mapping[str, str]:
        """Those of our settings that the server knows."""
        version = connection.get_server_version().major
        return {name: self._settings[name] for name in names if version >= NEWER.get(name, 0)}

    def _lost(self, _: Connection) -> None:
        self.losses += 1
        self._listener()

    @asynccontextmanager
    async def _begun(self, isolation: Isolation, read_only: bool, translated: Translated) -> AsyncGenerator[Connection]:
        async with (
            self._lent(translated) as connection,
            connection.transaction(isolation=isolation, readonly=read_only),
        ):
            if self.address.through_pooler:
                known = self._known(self._settings, connection)
                await connection.execute(_SET, list(known), list(known.values()))
            yield connection

    @asynccontextmanager
    async def _lent(self, translated: Translated) -> AsyncGenerator[PoolConnection]:
        pool, connection = await self._borrowed()
        well = False
        try:
            yield connection
            well = True
        except FAILURES as error:
            if isinstance(error, asyncpg.InternalClientError):
                connection.terminate()  # The driver met the server's farewell, and would stumble over it again.
            raise translated(error, self.address) from error
        finally:
            await pool.take_back(connection, well=well)

    async def _borrowed(self) -> tuple[Pool, PoolConnection]:
        if self._pool is None:
            raise StoreUnavailableError(
                f"The store is not open ({self.address})", reason="away", remedy="Open it first: async with app."
            )
        try:
            return self._pool, await self._pool.lend()
        except FAILURES as error:
            raise failure(error, self.address) from error

    def _options(self) -> dict[str, Any]:  # The driver's own keywords, which have many types.
        pooler = self.address.through_pooler
        return {
            "dsn": self.address.dsn,
            "connection_class": Session,
            "command_timeout": ANSWER_SECONDS,
            "statement_cache_size": 0 if pooler else 200,
            "max_cached_statement_lifetime": 0,
            "server_settings": None if pooler else {k: v for k, v in self._settings.items() if k not in NEWER},
        }
