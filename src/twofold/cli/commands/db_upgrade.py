"""``twofold db upgrade``: the migrations that an older log lacks."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.schemas import schema_of, show
from twofold.cli.waiting import patience
from twofold.errors import NotFoundError
from twofold.store.migrations import SchemaState


@common
@click.command("upgrade", help="Run the migrations that the log lacks, all of them or none.")
@settings_of
def command(settings: Settings) -> None:
    app = app_for(settings)

    async def upgrade() -> tuple[SchemaState, SchemaState]:
        schema = schema_of(app)
        before = await schema.current()
        if not before.installed:
            # An empty database is more often a mistyped name than something to upgrade.
            raise NotFoundError("log", f"in {app.url}", remedy="Check the URL, or run twofold db init.")
        with patience("running migrations"):
            return before, await schema.upgrade()

    show(app, *asyncio.run(upgrade()), as_json=settings.json)
