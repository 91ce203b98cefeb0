"""``twofold demo``: a real shop, live."""

from __future__ import annotations

from pathlib import Path

import click

from twofold.cli.exits import DONE, NO
from twofold.cli.loop import run_fast
from twofold.cli.options import Settings, common, settings_of


@common
@click.command(
    "demo",
    short_help="A real shop, live: 2,025 invoices in, answers out.",
    help="Send the orders of a real shop (December 2010; Online Retail, CC0) and ask it questions.\n\n"
    "Without --store it works in a temporary file. Exit code 1: the answers do not agree with the file.",
)
@click.option(
    "--full",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The whole Online Retail file (.csv or .csv.gz) instead.",
)
@settings_of
def command(settings: Settings, full: Path | None) -> int:
    from rich.console import Console

    from twofold.examples.shop.demo import demo

    agrees = run_fast(demo(settings.store, full, Console(), settings.json))
    return DONE if agrees else NO
