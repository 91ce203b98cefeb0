"""``twofold dead ls``: the parked keys, one by one or by what they have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from twofold.cli.dead import facts_of, plain_key
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write_json, write_table
from twofold.cli.stores import opened_app
from twofold.projections import Parked


class Alike(msgspec.Struct, frozen=True):
    """Parked keys that failed alike; ``first_key`` is the one that was parked first."""

    group: str
    count: int
    read_model: str
    event_type: str
    error: str
    place: str
    first_key: msgspec.Raw


@common
@click.command("ls", help="List the parked keys: since which position, and what could not be folded there.")
@click.argument("read_model", metavar="[READ_MODEL]", required=False)
@click.option("--group", "grouped", is_flag=True, help="Together what failed alike, most keys first.")
@settings_of
def command(settings: Settings, read_model: str | None, grouped: bool) -> None:
    app = app_for(settings)

    async def look() -> Sequence[Parked]:
        async with opened_app(app) as started:
            return await started.dead_letters.parked(read_model)

    found = asyncio.run(look())
    if settings.json:
        write_json(groups(found) if grouped else [facts_of(each) for each in found])
    elif not found:
        note("Nothing is parked.", as_json=False)
    elif grouped:
        show_groups(groups(found))
    else:
        show(found)


def groups(parked: Sequence[Parked]) -> list[Alike]:
    """The parked keys by group, the largest first."""
    alike: dict[str, list[Parked]] = {}
    for each in sorted(parked, key=lambda each: each.since):
        alike.setdefault(each.group, []).append(each)
    return [_alike(each) for each in sorted(alike.values(), key=len, reverse=True)]


def show(parked: Sequence[Parked]) -> None:
    """One line for each key."""
    write_table(
        ["read model", "key", "since", "event type", "error", "place", "group"],
        [
            [each.read_model, plain_key(each.key), each.since, each.event_type, each.reason, each.place, each.group]
            for each in parked
        ],
    )


def show_groups(alike: Sequence[Alike]) -> None:
    """One line for each group."""
    write_table(
        ["group", "keys", "read model", "event type", "error", "place", "first key"],
        [
            [
                each.group,
                each.count,
                each.read_model,
                each.event_type,
                each.error,
                each.place,
                plain_key(bytes(each.first_key).decode()),
            ]
            for each in alike
        ],
    )


def _alike(parked: Sequence[Parked]) -> Alike:
    first = parked[0]
    key = msgspec.Raw(first.key.encode())
    return Alike(first.group, len(parked), first.read_model, first.event_type, first.error, first.place, key)
