"""``twofold dead retry``: the events of parked keys, in order, through the code as it is now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from twofold.cli.dead import chosen, plain_key
from twofold.cli.exits import DONE, NO
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note
from twofold.cli.retried import write_retried
from twofold.cli.stores import opened_app
from twofold.cli.waiting import patience
from twofold.errors import NotFoundError
from twofold.projections import Parked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twofold.projections import DeadLetters

HELP = """Fold the events of parked keys in order, and let each key go that takes all of them.

KEY is written as dead ls shows it, or as JSON. Each key is a transaction of its own: what is interrupted is done for
some and not begun for the others. Exit code 1: a key stays parked.
"""


@common
@click.command("retry", help=HELP)
@click.argument("key", metavar="[KEY]", required=False)
@click.option("--group", metavar="GROUP", help="All keys that failed alike; dead ls --group names them.")
@click.option("--all", "every", is_flag=True, help="All parked keys.")
@click.option("--read-model", metavar="NAME", help="Only of this read model.")
@click.option("--dry-run", is_flag=True, help="Show the rows before and after, and change nothing.")
@settings_of
def command(
    settings: Settings, key: str | None, group: str | None, every: bool, read_model: str | None, dry_run: bool
) -> int:
    app = app_for(settings)

    async def retry() -> bool:
        async with opened_app(app) as started:
            dead = started.dead_letters
            found = await chosen(dead, key, group, read_model, every=every)
            if not found:
                note("Nothing is parked.", as_json=settings.json)
            return await retry_all(dead, found, dry_run=dry_run, as_json=settings.json)

    return DONE if asyncio.run(retry()) else NO


async def retry_all(dead: DeadLetters, parked: Sequence[Parked], *, dry_run: bool, as_json: bool) -> bool:
    """Retry one key after the other. Whether all of them could be taken."""
    began, could = asyncio.get_running_loop().time(), True
    for done, each in enumerate(parked):
        try:
            with patience(f"retrying {plain_key(each.key)} ({done + 1} of {len(parked)})", began):
                retried = await dead.retry(each, dry_run=dry_run)
        except asyncio.CancelledError:
            note(
                f"Interrupted: {done} of {len(parked)} were retried, and the others are as they were.", as_json=as_json
            )
            raise
        except NotFoundError as error:
            if len(parked) == 1:
                raise
            note(f"{error.fact}: somebody else let it go.", as_json=as_json)
        else:
            write_retried(retried, dry_run=dry_run, as_json=as_json)
            could = could and retried.error is None
    return could
