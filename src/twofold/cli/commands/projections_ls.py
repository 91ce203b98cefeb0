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
from twofold.projections.rollout import Standing
from twofold.subscriptions.status import SubscriptionStatus


@common
@click.command(
    "ls", help="List the read models: state, position, lag behind the head, parked keys, and what stopped them."
)
@settings_of
def command(settings: Settings) -> None:
    app = app_for(settings)

    async def look() -> tuple[list[SubscriptionStatus], Mapping[str, Standing]]:
        async with opened_app(app) as started:
            return await started.status(), await started.rollout.standings()

    found, standings = asyncio.run(look())
    if settings.json:
        fingerprints = fingerprints_of(app.parts)
        write_json(
            [
                msgspec.structs.asdict(each)
                | {"fingerprint": fingerprints[each.name]}
                | document_of(standings.get(each.name))
                for each in found
            ]
        )
    else:
        write_table(
            ["read model", "generation", "state", "position", "head", "lag", "parked", "error"],
            [row_of(each, standings.get(each.name)) for each in found],
        )


def document_of(standing: Standing | None) -> dict[str, object]:
    """What programs are told of a subscription's generations; nothing where it has but one."""
    return {} if standing is None else msgspec.structs.asdict(standing)


def row_of(each: SubscriptionStatus, standing: Standing | None) -> list[object]:
    """What people are told of a subscription."""
    state: str = each.state
    if standing is not None and standing.building is not None and state != "stopped":
        state = f"rebuilding {100 * standing.building.position // max(each.head, 1)} %"
    generation = None if standing is None else standing.generation
    return [each.name, generation, state, each.position, each.head, each.lag, each.parked, each.error or ""]


def fingerprints_of(parts: Parts) -> Mapping[str, str]:
    """What each subscription's code would make of the log, in short: it changes when the rows may come out otherwise."""
    groups = {group.name: joined(map(fingerprint, group.projections)) for group in groups_of(parts.projections)}
    return groups | {each.name: sql_fingerprint(each) for each in parts.sql_projections}
