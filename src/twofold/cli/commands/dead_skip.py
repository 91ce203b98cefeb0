"""``twofold dead skip``: leave out the event that a key was parked for, for good and for a reason that is kept."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.dead import the_one
from twofold.cli.exits import DONE, NO
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.retried import write_retried
from twofold.cli.stores import opened_app
from twofold.cli.waiting import patience
from twofold.projections import Retried

HELP = """Leave out the event that a key was parked for, and let the key go if it takes the others.

KEY is written as dead ls shows it, or as JSON. The event stays in the log; that it was left out, and why, is kept in the
table twofold_skipped. Exit code 1: a later event cannot be folded either, and nothing was changed.
"""


@common
@click.command("skip", help=HELP)
@click.argument("key")
@click.option("--reason", metavar="TEXT", required=True, help="Why, for whoever asks later.")
@click.option("--read-model", metavar="NAME", help="Of which read model, where several have that key.")
@settings_of
def command(settings: Settings, key: str, reason: str, read_model: str | None) -> int:
    app = app_for(settings)

    async def skip() -> Retried:
        async with opened_app(app) as started:
            dead = started.dead_letters
            parked = await the_one(dead, key, read_model)
            with patience("folding the events after it"):
                return await dead.retry(parked, skip_reason=reason)

    retried = asyncio.run(skip())
    write_retried(retried, dry_run=False, as_json=settings.json)
    return DONE if retried.error is None else NO
