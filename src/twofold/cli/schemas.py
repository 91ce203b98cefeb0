"""How the state of a schema is shown by the ``db`` commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twofold.cli.output import write_fields, write_json
from twofold.store.migrations import SchemaState

if TYPE_CHECKING:
    from twofold.app import App


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
