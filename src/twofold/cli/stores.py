"""The app's log without the app: for commands that only look, and for those that look after its schema."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, cast

from twofold.errors import NotFoundError
from twofold.rooms import rooms_for
from twofold.store.migrations import SchemaState
from twofold.store.port import EventStore

if TYPE_CHECKING:
    from twofold.app import App


class Schema(Protocol):
    """The part of every log that looks after its schema; it works on a log that is not open."""

    async def current(self) -> SchemaState: ...

    async def upgrade(self) -> SchemaState: ...


def schema_of(app: App) -> Schema:
    """The schema of the app's log."""
    return cast(Schema, rooms_for(app.places, migrate=False).log)


def no_log(app: App) -> NotFoundError:
    """The error for a database that holds no log; more often a mistyped name than an empty one."""
    return NotFoundError("log", f"in {app.url}", remedy="Check the URL, or run twofold db init.")


@asynccontextmanager
async def opened_log(app: App) -> AsyncGenerator[EventStore]:
    """The log, open for looking: nothing is created, upgraded or run, and the read models may be in any state."""
    await _must_hold_a_log(app)
    log = rooms_for(app.places, migrate=False).log
    await log.open()
    try:
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def opened_app(app: App) -> AsyncGenerator[App]:
    """The app, started for looking: the log is not created or upgraded, no read model runs, and none is built.

    Tables that other code has made are no hindrance, however the app itself takes them.
    """
    await _must_hold_a_log(app)
    async with app.at(migrate=False, background=False, rebuild="auto") as started:
        yield started


async def _must_hold_a_log(app: App) -> None:
    if not (await schema_of(app).current()).installed:
        raise no_log(app)
