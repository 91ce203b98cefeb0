"""``twofold run worker``: this process takes its share of the app's read models, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging

import click

from twofold.cli.loading import app_for
from twofold.cli.loop import run_fast
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note


class Notes(logging.Handler):
    """The log of a long run, as notes on stderr."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        note(self.format(record), as_json=self._as_json)


HELP = """Run this process's share of the app's read models until SIGTERM or Ctrl-C; what is in hand is finished first.

Start any number of them, on any number of machines against one PostgreSQL. Each read model is run by one worker at a time,
which holds a lease on it. What a worker gives back when it stops is taken over at once, what a killed one held when its lease
ends. Pauses and rebuilds that operators wish for are done by the workers.
"""


@common
@click.command("worker", short_help="Run a share of the app's read models.", help=HELP)
@settings_of
def command(settings: Settings) -> None:
    app = app_for(settings).at(background="shared")
    logging.basicConfig(level=logging.INFO, handlers=[Notes(as_json=settings.json)])

    async def follow() -> None:
        running = asyncio.create_task(app.run())
        await asyncio.sleep(0)  # It begins by listening for the signals; only then may anybody be told that it runs.
        count = len(app.parts.projections) + len(app.parts.sql_projections)
        note(
            f"a worker for {count} read model{'' if count == 1 else 's'} follows {app.url}; Ctrl-C stops",
            as_json=settings.json,
        )
        await running

    run_fast(follow())
    note("Stopped; everything in hand was finished.", as_json=settings.json)
