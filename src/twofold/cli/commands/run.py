"""``twofold run``: the app's read models follow the log in this process, until it is told to stop."""

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


@common
@click.command("run", help="Run the app's read models until SIGTERM or Ctrl-C; what is in hand is finished first.")
@settings_of
def command(settings: Settings) -> None:
    app = app_for(settings).at(background=True)
    logging.basicConfig(level=logging.INFO, handlers=[Notes(as_json=settings.json)])

    async def follow() -> None:
        running = asyncio.create_task(app.run())
        await asyncio.sleep(0)  # It begins by listening for the signals; only then may anybody be told that it runs.
        note(f"{len(app.parts.projections)} read models follow {app.url}; Ctrl-C stops", as_json=settings.json)
        await running

    run_fast(follow())
    note("Stopped; everything in hand was finished.", as_json=settings.json)
