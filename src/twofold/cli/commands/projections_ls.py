"""``twofold projections ls``: every read model, where it stands, and why it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import click
import msgspec

from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write_json, write_table
from twofold.cli.stores import opened_app
from twofold.parts import Parts
from twofold.projections import fingerprint, groups_of, joined, sql_fingerprint
from twofold.subscriptions.status import SubscriptionStatus


@common
@click.command(
    "ls", help="List the read models: state, position, lag behind the head, parked keys, and what stopped them."
)
@settings_of
def command(settings: Settings) -> None:
    app = app_for(settings)

    async def look() -> list[SubscriptionStatus]:
        async with opened_app(app) as started:
            return await started.status()

    found = asyncio.run(look())
    if settings.json:
        fingerprints = fingerprints_of(app.parts)
        write_json([msgspec.structs.asdict(each) | {"fingerprint": fingerprints[each.name]} for each in found])
    else:
        write_table(
            ["read model", "state", "position", "head", "lag", "parked", "error"],
            [
                [each.name, each.state, each.position, each.head, each.lag, each.parked, each.error or ""]
                for each in found
            ],
        )


def fingerprints_of(parts: Parts) -> Mapping[str, str]:
    """What each subscription's code would make of the log, in short: it changes when the rows may come out otherwise."""
    groups = {group.name: joined(map(fingerprint, group.projections)) for group in groups_of(parts.projections)}
    return groups | {each.name: sql_fingerprint(each) for each in parts.sql_projections}
