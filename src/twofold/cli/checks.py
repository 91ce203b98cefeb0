"""What ``twofold doctor`` looks at: each check gives findings, and each finding that is not well has a remedy."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from twofold.cli.stores import schema_of
from twofold.config import PostgresURL, SqliteURL
from twofold.errors import StoreError, StoreRefusedError
from twofold.store.migrations import SchemaState
from twofold.subscriptions import SubscriptionStatus

if TYPE_CHECKING:
    from twofold.app import App

Verdict: TypeAlias = Literal["ok", "warn", "bad"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    check: str
    verdict: Verdict
    fact: str
    remedy: str = ""


async def findings(app: App) -> AsyncIterator[Finding]:
    """Everything there is to say, in the order in which one thing needs the other; it ends where the next has no ground."""
    yield versions()
    try:
        schema = await schema_of(app).current()
        yield place(app, schema)
        yield migrations(schema)
        if schema.pending:
            return
        async with app.at(migrate=False, background=False) as live:
            yield Finding("settings", "ok", await settings_of(live))
            head = await live.head()
            yield Finding("log", "ok", f"{head.position} events (store {head.store_id}, epoch {head.epoch})")
            for each in read_models(await live.status()):
                yield each
    except StoreError as error:
        yield refusal(error)


def versions() -> Finding:
    """What this process is made of."""
    parts = [f"twofold {version('twofold')}", f"Python {platform.python_version()}", f"msgspec {version('msgspec')}"]
    return Finding("versions", "ok", ", ".join(parts))


def place(app: App, state: SchemaState) -> Finding:
    """Whether the database is there. One that holds nothing yet may still be made, unless it has no folder."""
    if state.installed:
        return Finding("database", "ok", f"{app.url} can be reached and is ours")
    if isinstance(app.url, SqliteURL) and app.url.path and not app.url.path.parent.is_dir():
        return Finding("database", "bad", f"{app.url} has no folder", f"Create {app.url.path.parent}, or mend the URL.")
    return Finding("database", "ok", f"{app.url} can be used and holds nothing yet")


def migrations(state: SchemaState) -> Finding:
    """Whether the schema is the one that this Twofold needs."""
    if not state.installed:
        return Finding("migrations", "warn", "no log is installed here", "Run twofold db init, or start the app.")
    if state.pending:
        names = ", ".join(f"{each.number:04} {each.name}" for each in state.pending)
        return Finding("migrations", "warn", f"pending: {names}", "Run twofold db upgrade.")
    return Finding("migrations", "ok", f"{state.installed} of {state.shipped} installed")


async def settings_of(app: App) -> str:
    """The server's version and settings. That they are safe was checked when the log was opened."""
    statement = _SERVER if isinstance(app.places.reads, PostgresURL) else _FILE
    found = await app.reads.query(statement, {})
    values = dict(zip(found.columns, found.rows[0], strict=True))
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def read_models(statuses: Sequence[SubscriptionStatus]) -> list[Finding]:
    """Whether each read model is level with the log, and whether it takes all keys."""
    return [finding for status in statuses for finding in (_read_model(status), *_parked(status))]


def refusal(error: StoreError) -> Finding:
    """The database's own no, under the name of what it is about."""
    reason = error.reason if isinstance(error, StoreRefusedError) else ""
    check = _ABOUT.get(reason, "settings" if reason else "database")
    return Finding(check, "bad", error.fact, error.remedy)


def _read_model(status: SubscriptionStatus) -> Finding:
    name = f"read model {status.name}"
    if status.state == "held":
        again = f"Start twofold run worker, or run twofold projections rebuild {status.name}."
        return Finding(name, "warn", f"held at position {status.position}: {status.error}", again)
    if status.error:
        return Finding(
            name, "bad", f"{status.state} at position {status.position}: {status.error}", "Mend what it names."
        )
    if status.state == "paused":
        again = f"Go on: twofold projections resume {status.name}."
        return Finding(name, "warn", f"paused by an operator at position {status.position}", again)
    if status.lag:
        fact = f"{status.lag} events behind (position: {status.position}, head: {status.head})"
        return Finding(name, "warn", fact, "Start twofold run worker, or see whether it is running.")
    return Finding(name, "ok", f"level with the log at position {status.position}")


def _parked(status: SubscriptionStatus) -> list[Finding]:
    """Keys that take no events: whoever asks for them gets old rows."""
    if not status.parked:
        return []
    fact = f"{status.parked} take no events since one that could not be folded"
    return [Finding(f"parked keys of {status.name}", "warn", fact, "See twofold dead ls; mend the fold, then retry.")]


_ABOUT = {
    "foreign": "database",
    "future": "migrations",
    "outdated": "migrations",
    "schema-changed": "migrations",
    "definition-changed": "read models",
}
_FILE = 'select sqlite_version() as "SQLite"'
_SERVER = """
    select current_setting('server_version') as "PostgreSQL", current_setting('fsync') as fsync,
           current_setting('full_page_writes') as full_page_writes
"""
