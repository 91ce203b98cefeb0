"""``twofold db init``: the log's schema in an empty database."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note
from twofold.cli.schemas import show
from twofold.cli.stores import schema_of
from twofold.store.migrations import SchemaState


@common
@click.command("init", help="Install the log into an empty database. Where there is one of ours, nothing is done.")
@settings_of
def command(settings: Settings) -> None:
    app = app_for(settings)

    async def install() -> tuple[SchemaState, SchemaState]:
        schema = schema_of(app)
        before = await schema.current()
        return before, before if before.installed else await schema.upgrade()

    before, after = asyncio.run(install())
    if before.installed:
        note("A log is installed here already; twofold db upgrade brings it up to date.", as_json=settings.json)
    show(app, before, after, as_json=settings.json)
