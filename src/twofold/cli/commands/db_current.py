"""``twofold db current``: which migrations the database has, and which it lacks."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.schemas import show
from twofold.cli.stores import schema_of
from twofold.store.migrations import SchemaState


@common
@click.command("current", help="Say which version of the schema is installed, and what is pending.")
@settings_of
def command(settings: Settings) -> None:
    app = app_for(settings)

    async def look() -> SchemaState:
        return await schema_of(app).current()

    state = asyncio.run(look())
    show(app, state, state, as_json=settings.json)
