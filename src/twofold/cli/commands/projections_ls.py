"""``twofold projections ls``: every read model, where it stands, who runs it, and why it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import click
import msgspec

from twofold.cli import parameters
from twofold.cli.exits import DONE, NO
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import screen, table_of, write_json
from twofold.cli.stores import opened_app
from twofold.parts import Parts
from twofold.projections import groups_of
from twofold.projections.deployment import code_of
from twofold.projections.rollout import Standing
from twofold.subscriptions.partition import whole
from twofold.subscriptions.status import SubscriptionStatus

EVERY_SECONDS = 1.0
COLUMNS = (
    "read model", "generation", "state", "position", "head", "lag", "late", "rate", "parked", "run by", "error"
)  # fmt: skip
HELP = """List the read models: state, position, lag behind the head in events and in seconds, parked keys, who runs each of them,
and what stopped it.

With --max-lag the exit code is 1 as soon as one is later than that, for monitoring. --watch goes on until Ctrl-C.
"""


@common
@click.command("ls", short_help="List the read models, and how they fare.", help=HELP)
@click.option("--watch", is_flag=True, help="Look again every second, until Ctrl-C.")
@click.option("--max-lag", metavar="TIME", type=parameters.span, help="Exit with 1 when one is later: 5s, 500ms, 2m.")
@settings_of
def command(settings: Settings, watch: bool, max_lag: float | None) -> int:
    app = app_for(settings)
    fingerprints = fingerprints_of(app.parts)

    async def look() -> int:
        async with opened_app(app) as started:
            with screen(on=watch and not settings.json) as show:
                while True:
                    found, standings = await started.status(), await started.rollout.standings()
                    if settings.json:
                        write_json([document_of(each, standings, fingerprints) for each in found])
                    else:
                        show(table_of(COLUMNS, map(row_of, found)))
                    if max_lag is not None and any(is_late(each, max_lag) for each in found):
                        return NO
                    if not watch:
                        return DONE
                    await asyncio.sleep(EVERY_SECONDS)

    return asyncio.run(look())


def is_late(each: SubscriptionStatus, max_seconds: float) -> bool:
    """Whether it is further behind than allowed."""
    return each.lag > 0 and (each.lag_seconds or 0.0) > max_seconds


def document_of(
    each: SubscriptionStatus, standings: Mapping[str, Standing], fingerprints: Mapping[str, str]
) -> dict[str, object]:
    """What programs are told of a subscription."""
    subscription = whole(each.name)
    standing = standings.get(subscription)
    document: dict[str, object] = {**msgspec.structs.asdict(each), "eta_seconds": each.eta_seconds}
    if subscription in fingerprints:
        document["fingerprint"] = fingerprints[subscription]
    if standing is not None:
        document |= msgspec.structs.asdict(standing)
    return document


def row_of(each: SubscriptionStatus) -> list[object]:
    """What people are told of a subscription."""
    state: str = each.state
    if each.building is not None:
        state += f" {each.building:.0%}" if state == "rebuilding" else f", next one {each.building:.0%}"
    late = f"{each.lag_seconds or 0.0:.1f} s" if each.lag else None
    rate = f"{each.rate:,.0f}/s" if each.rate >= 1 else None
    owner = each.owner.rpartition(":")[0] if each.owner else None
    return [
        each.name, each.generation, state, each.position, each.head, each.lag, late, rate, each.parked, owner,
        each.error or "",
    ]  # fmt: skip


def fingerprints_of(parts: Parts) -> Mapping[str, str]:
    """What each subscription's code would make of the log, in short: it changes when the rows may come out otherwise."""
    return {group.name: code_of(group) for group in groups_of(parts.projections, parts.sql_projections)}
