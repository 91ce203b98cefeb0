"""``twofold projections pause``: nobody follows the log for these read models, until they are resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from twofold.cli import parameters
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write_json
from twofold.cli.stores import opened_app
from twofold.cli.waiting import patience

HELP = """Let nobody follow the log for these read models until they are resumed. Commands and questions go on.

It returns when every worker has let go, after the page in hand; from then on not even one that was out of reach can change a
row. Exit code 5: one has not let go in time. The wish stays, and is done when that worker looks.
"""


@common
@click.command("pause", short_help="Let nobody follow the log for a read model.", help=HELP)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--timeout", type=parameters.span, default="30s", show_default=True, help="How long to wait for workers.")
@settings_of
def command(settings: Settings, names: tuple[str, ...], timeout: float) -> None:
    app = app_for(settings)

    async def pause() -> Sequence[str]:
        async with opened_app(app) as started:
            with patience("waiting until every worker has let go"):
                return await started.control.pause(*names, timeout_seconds=timeout)

    paused = asyncio.run(pause())
    if settings.json:
        write_json([{"name": name, "state": "paused"} for name in paused])
        return
    for name in paused:
        note(f"{name} is paused. Go on: twofold projections resume {name}.", as_json=False)
