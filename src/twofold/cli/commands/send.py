"""``twofold send``: one command, durable when it returns."""

from __future__ import annotations

import asyncio

import click

from twofold.cli import arguments
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import write_fields, write_json
from twofold.deciders.receipt import Receipt


@common
@click.command("send", short_help="Send a command.", help="Send a command and print its receipt.\n\n" + arguments.HELP)
@click.argument("name", metavar="COMMAND")
@click.argument("words", metavar="['JSON' | FIELD=VALUE ...]", nargs=-1)
@click.option("--data", metavar="@FILE", help="The fields as JSON, from a file.")
@click.option("--id", "command_id", metavar="ID", help="The command's id: sent again, it gets the same answer.")
@click.option("--actor", metavar="NAME", help="Who sends it; recorded with the events.")
@settings_of
def command(
    settings: Settings, name: str, words: tuple[str, ...], data: str | None, command_id: str | None, actor: str | None
) -> None:
    app = app_for(settings).at(background=False)
    raw = arguments.body(words, data, arguments.fields_of(name, app.registry.commands))
    wish = app.registry.command(name, raw)

    async def send() -> Receipt:
        async with app:
            return await app.send(wish, command_id=command_id, actor=actor)

    show(asyncio.run(send()), as_json=settings.json)


def show(receipt: Receipt, *, as_json: bool) -> None:
    """Print the receipt."""
    if as_json:
        write_json(
            {
                "command_id": receipt.command_id,
                "first": receipt.first,
                "position": receipt.position,
                "versions": receipt.versions,
                "replayed": receipt.replayed,
                "token": receipt.token,
            }
        )
        return
    streams = ", ".join(f"{stream} at version {version}" for stream, version in receipt.versions.items())
    write_fields(
        {
            "events": receipt.count,
            "position": receipt.position,
            "streams": streams or None,
            "replayed": "yes: this id was answered before, and nothing was done now" if receipt.replayed else "no",
            "command id": receipt.command_id,
            "token": receipt.token,
        }
    )
