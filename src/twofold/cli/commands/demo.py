"""``twofold demo``: a real shop and a co-op of families, live."""

from __future__ import annotations

from pathlib import Path

import click

from twofold.cli.exits import DONE, NO
from twofold.cli.loop import run_fast
from twofold.cli.options import Settings, common, settings_of

FAMILIES = 500


@common
@click.command(
    "demo",
    short_help="A real shop and a co-op, live: commands in, answers out.",
    help="Send the orders of a real shop (December 2010; Online Retail, CC0), then a school year of a co-op's families, "
    "and ask both questions. EXAMPLE is one of the two.\n\n"
    "Without --store it works in temporary files. Exit code 1: the answers do not agree with what was sent.",
)
@click.argument("example", type=click.Choice(["shop", "coop"]), required=False)
@click.option(
    "--full",
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The shop: the whole Online Retail file (.csv or .csv.gz) instead.",
)
@click.option(
    "--families",
    metavar="N",
    type=click.IntRange(min=1, max=99_999),
    default=FAMILIES,
    show_default=True,
    help="The co-op: so many families.",
)
@settings_of
def command(settings: Settings, example: str | None, full: Path | None, families: int) -> int:
    from rich.console import Console

    from twofold.examples.demo import EXAMPLES, demo

    examples = (example,) if example else EXAMPLES
    agrees = run_fast(demo(examples, settings.store, Console(), full=full, families=families, json=settings.json))
    return DONE if agrees else NO
