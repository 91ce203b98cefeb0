"""``twofold projections rollback``: the generation that served before the last switch serves again."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write_json
from twofold.cli.stores import opened_app
from twofold.projections.generations import Switch

HELP = """Go back to the generation that served before the last switch.

It goes on from where it stood, with the code that made it. Until that code is deployed it serves as it is, and the code
that was rolled back from neither follows it nor builds its own again, unless twofold projections rebuild asks for it.
"""


@common
@click.command("rollback", short_help="Go back to what served before the last switch.", help=HELP)
@click.argument("name", metavar="NAME")
@settings_of
def command(settings: Settings, name: str) -> None:
    app = app_for(settings)

    async def roll_back() -> tuple[Switch, bool]:
        async with opened_app(app) as started:
            rollout = started.rollout
            change = await rollout.rollback(rollout.group(name))
            return change, await rollout.is_followed(change.subscription)

    change, followed = asyncio.run(roll_back())
    if settings.json:
        write_json(
            {"name": change.subscription, "generation": change.new, "rejected": change.old, "followed": followed}
        )
        return
    note(f"Generation {change.new} of {change.subscription} serves again.", as_json=False)
    note("It catches up." if followed else _NOT_FOLLOWED, as_json=False)


_NOT_FOLLOWED = (
    "Other code than this has made it: it serves as it is until that code is deployed. This code does not build its own "
    "again, unless twofold projections rebuild asks for it."
)
