"""``twofold doctor``: is everything as it should be, and if not, what to do."""

from __future__ import annotations

import asyncio

import click

from twofold.cli.checks import Finding, findings
from twofold.cli.exits import DONE, NO
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write, write_json
from twofold.cli.plain import printable

COLOURS = {"ok": "green", "warn": "yellow", "bad": "red"}


@common
@click.command("doctor", help="Check database, settings, versions and read models. Exit code 1: something is bad.")
@settings_of
def command(settings: Settings) -> int:
    app = app_for(settings)

    async def look() -> list[Finding]:
        return [finding async for finding in findings(app)]

    found = asyncio.run(look())
    if settings.json:
        write_json(found)
    else:
        for finding in found:
            show(finding)
    return NO if any(finding.verdict == "bad" for finding in found) else DONE


def show(finding: Finding) -> None:
    """One finding on one line, its remedy on the next."""
    verdict = click.style(f"{finding.verdict:<4}", fg=COLOURS[finding.verdict], bold=True)
    write(f"{verdict}  {finding.check}: {printable(finding.fact)}")
    if finding.remedy:
        write(f"      {printable(finding.remedy)}")
