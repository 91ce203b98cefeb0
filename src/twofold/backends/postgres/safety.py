"""Which servers may hold a log: those that keep what they acknowledge."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from twofold.backends.postgres.connection import Connection
from twofold.errors import StoreRefusedError
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.postgres", "safety.sql")

VERSION_MIN = 14


UNFIT = ("too-old", "replica", "encoding")
"""Reasons that also speak against read models, which need no durability."""


async def refuse_unfit(connection: Connection, where: object) -> None:
    """``StoreRefusedError`` for a server that cannot hold read models: too old, a replica, or not UTF-8."""
    await refuse_unsafe(connection, where, reasons=UNFIT)


async def refuse_unsafe(
    connection: Connection, where: object, *, reasons: Collection[str] = (*UNFIT, "unsafe")
) -> None:
    """``StoreRefusedError`` for a server that is too old, a replica, not UTF-8, or set up to lose commits."""
    row = await connection.fetchrow(_SQL["safety"])
    assert row is not None, "a select without from has one row"
    for fact, reason, remedy in objections(dict(row)):
        if reason in reasons:
            raise StoreRefusedError(f"{fact} ({where})", reason=reason, remedy=remedy)


def objections(server: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """Fact, reason and remedy of everything that speaks against a server with these settings."""
    version = int(str(server["version"]))
    if version < VERSION_MIN * 10000:
        yield f"PostgreSQL {version // 10000} is too old", "too-old", f"Use PostgreSQL {VERSION_MIN} or newer."
    if server["replica"]:
        yield "This server is a replica", "replica", "Connect to the primary; target_session_attrs=primary finds it."
    if server["encoding"] != "UTF8":
        yield f"The encoding is {server['encoding']}", "encoding", "Create the database with encoding UTF8."
    if server["fsync"] != "on":
        yield "fsync is off", "unsafe", "Set fsync = on: without it a power cut destroys the database."
    if server["full_page_writes"] != "on":
        yield "full_page_writes is off", "unsafe", "Set full_page_writes = on: without it a power cut tears pages."
    if server["synchronous_commit"] == "off":
        # `local` waits for this server's disk, which is what we promise; standbys are the operator's choice.
        yield (
            "synchronous_commit is off",
            "unsafe",
            "Set synchronous_commit to on, remote_apply, remote_write or local: off loses acknowledged events in a crash.",
        )
