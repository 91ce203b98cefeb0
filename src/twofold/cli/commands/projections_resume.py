"""``twofold projections resume``: workers follow the log for these read models again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import click

from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write_json
from twofold.cli.stores import opened_app
from twofold.cli.waiting import patience


@common
@click.command("resume", help="Let workers follow the log again for read models that were paused.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@settings_of
def command(settings: Settings, names: tuple[str, ...]) -> None:
    app = app_for(settings)

    async def resume() -> Mapping[str, str | None]:
        async with opened_app(app) as started:
            with patience("waiting for a worker"):
                return await started.control.resume(*names)

    owners = asyncio.run(resume())
    if settings.json:
        write_json([{"name": name, "owner": owner} for name, owner in owners.items()])
        return
    for name, owner in owners.items():
        by = (
            f"is run by {owner}" if owner else "is not paused any more; no worker has taken it yet (twofold run worker)"
        )
        note(f"{name} {by}.", as_json=False)
