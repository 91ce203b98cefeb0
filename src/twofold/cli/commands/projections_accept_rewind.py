"""``twofold projections accept-rewind``: the log was restored, and what was folded from the other one is filled again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import click

from twofold.cli.exits import DONE, NO
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write, write_json
from twofold.cli.plain import printable
from twofold.cli.stores import opened_app

HELP = """Accept that the log is not the one that read models were made from: their rows and checkpoint are dropped in one
transaction, and workers fill them again from the beginning of this log. Processes that run already must be restarted.

Exit code 1: none of them was; they agree with the log.
"""


@common
@click.command("accept-rewind", help=HELP)
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.option("--yes", is_flag=True, help="Do not ask.")
@settings_of
def command(settings: Settings, names: Sequence[str], yes: bool) -> int:
    app = app_for(settings)

    async def accept() -> Mapping[str, str]:
        async with opened_app(app) as started:
            reasons = {name: await started.accept_rewind(name, dry_run=True) for name in names}
            if any(reasons.values()) and not yes:
                ask(reasons, as_json=settings.json)
            return {name: await started.accept_rewind(name) or reason for name, reason in reasons.items()}

    found = asyncio.run(accept())
    if settings.json:
        write_json([{"name": name, "accepted": bool(reason), "reason": reason} for name, reason in found.items()])
    else:
        for name, reason in found.items():
            write(f"{name}  {'emptied, to be filled again' if reason else 'agrees with the log'}")
    return DONE if any(found.values()) else NO


def ask(reasons: Mapping[str, str], *, as_json: bool) -> None:
    """Say both facts of each, and ask. No, or nobody there to ask, ends the command."""
    for name, reason in reasons.items():
        note(f"{name}: {printable(reason) or 'agrees with the log'}", as_json=as_json)
    click.confirm("Drop their rows and fill them again from this log?", abort=True, err=True)
