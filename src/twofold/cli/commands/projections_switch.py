"""``twofold projections switch``: what was built to wait catches up and takes its place."""

from __future__ import annotations

import click

from twofold.cli.building import reports
from twofold.cli.commands.projections_rebuild import document, show
from twofold.cli.loading import app_for
from twofold.cli.loop import run_fast
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write_json
from twofold.cli.stores import opened_app
from twofold.projections.generations import Generation


@common
@click.command("switch", help="Let a generation serve that was built with --switch manual; it catches up first.")
@click.argument("name", metavar="NAME")
@settings_of
def command(settings: Settings, name: str) -> None:
    app = app_for(settings)
    with reports(as_json=settings.json) as told:

        async def switch() -> Generation:
            async with opened_app(app) as started:
                rollout = started.rollout
                return await rollout.switch(rollout.group(name), tell=told)

        switched = run_fast(switch())
    if settings.json:
        write_json([document(switched)])
    else:
        show(switched)
