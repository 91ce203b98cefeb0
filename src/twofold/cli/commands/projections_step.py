"""``twofold projections step``: fold the next events of a paused read model, in this process, and see what comes of it."""

from __future__ import annotations

import asyncio

import click
import msgspec

from twofold.cli import parameters
from twofold.cli.exits import DONE, NO
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write, write_json
from twofold.cli.plain import printable
from twofold.cli.stores import opened_app
from twofold.projections.control import Stepped

HELP = """Fold the next events of a paused read model, in this process.

An event that the fold cannot take parks its key, as it does for a worker: see twofold dead ls. Exit code 1: it stopped there.
"""


@common
@click.command("step", short_help="Fold the next events of a paused read model.", help=HELP)
@click.argument("name", metavar="NAME")
@click.option("--events", metavar="N", type=parameters.count, default="1", show_default=True, help="How many.")
@settings_of
def command(settings: Settings, name: str, events: int) -> int:
    app = app_for(settings)

    async def step() -> Stepped:
        async with opened_app(app) as started:
            return await started.control.step(name, events=events)

    done = asyncio.run(step())
    if settings.json:
        write_json(
            {
                "name": done.name,
                "before": done.before,
                "after": done.after,
                "events": [
                    {"position": each.position, "type": each.type, "stream": each.stream} for each in done.events
                ],
                "error": None if done.error is None else str(done.error),
            }
        )
    else:
        show(done)
    return DONE if done.error is None else NO


def show(done: Stepped) -> None:
    """The events that were folded, one on a line, and where it stands."""
    for each in done.events:
        data = msgspec.json.encode(each.event, enc_hook=str).decode()
        write(printable(f"{each.position:>8}  {each.stream}@{each.version}  {each.type}  {data}"))
    stopped = f"; {done.error}" if done.error is not None else ""
    note(f"{done.name} went from position {done.before} to {done.after}{stopped}", as_json=False)
