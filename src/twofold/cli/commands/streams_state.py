"""``twofold streams state``: what the events of a stream add up to, now or in the past."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import click
import msgspec

from twofold.cli import parameters
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write_fields, write_json
from twofold.cli.stores import opened_app
from twofold.cli.streams import definition_for, no_stream
from twofold.deciders.definition import Definition
from twofold.errors import NotFoundError
from twofold.messages.markers import fields
from twofold.store.limits import checked_stream


@common
@click.command("state", help="Print the state that a stream's events add up to, now or in the past.")
@click.argument("stream")
@click.option(
    "--at",
    type=parameters.version_or_time,
    metavar="VERSION|TIME",
    help="Just after this version, or at this time (2010-12-01T08:26:00Z).",
)
@settings_of
def command(settings: Settings, stream: str, at: int | datetime | None) -> None:
    app = app_for(settings)
    checked_stream(stream)
    definition = definition_for(stream, app)

    async def look() -> Any:
        async with opened_app(app) as started:
            if not (await started.log.read_stream(stream, count_max=1)).rows:
                raise no_stream(stream, app)
            if definition is None:
                raise NotFoundError(
                    "decider", f"of {stream} in this app", remedy="Use the app that writes this stream."
                )
            return await started.load(definition.cls, *key_of(stream, definition), **when(at))

    state = asyncio.run(look())
    if settings.json:
        write_json(state)
    else:
        write_fields(msgspec.structs.asdict(state))


def key_of(stream: str, definition: Definition) -> list[object]:
    """The key behind a stream's name, each part in the type of its field."""
    text = stream.partition("-")[2]
    texts = [unquote(part) for part in text.split("+")] if definition.is_boundary else [text]
    kinds = fields(definition.cls)
    return [msgspec.convert(each, kinds[name], strict=False) for name, each in zip(definition.keys, texts, strict=True)]


def when(at: int | datetime | None) -> dict[str, Any]:
    """The argument of ``load`` for a version or a time."""
    return {"at_version": at} if isinstance(at, int) else {"at": at}
