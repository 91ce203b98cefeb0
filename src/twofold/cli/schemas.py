"""What the ``db`` commands share: the schema of the app's log, and how its state is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from twofold.cli.output import write_fields, write_json
from twofold.store.migrations import SchemaState

if TYPE_CHECKING:
    from twofold.app import App


class Schema(Protocol):
    """The part of every log that looks after its schema; it works on a log that is not open."""

    async def current(self) -> SchemaState: ...

    async def upgrade(self) -> SchemaState: ...


def schema_of(app: App) -> Schema:
    """The schema of the app's store."""
    from twofold.rooms import rooms_for

    return cast(Schema, rooms_for(app.url, migrate=False).log)


def show(app: App, before: SchemaState, after: SchemaState, *, as_json: bool) -> None:
    """Print where the schema stands, and what has just been run."""
    done = [
        f"{migration.number:04} {migration.name}" for migration in before.pending[: after.installed - before.installed]
    ]
    document = {
        "store": str(app.url),
        "installed": after.installed,
        "shipped": after.shipped,
        "pending": [f"{migration.number:04} {migration.name}" for migration in after.pending],
        "done": done,
    }
    if as_json:
        write_json(document)
    else:
        write_fields(document)
