"""``twofold db upgrade``: the migrations that an older log lacks."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.schemas import show
from twofold.cli.stores import no_log, schema_of
from twofold.cli.waiting import patience
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
            raise no_log(app)
        with patience("running migrations"):
            return before, await schema.upgrade()

    show(app, *asyncio.run(upgrade()), as_json=settings.json)
