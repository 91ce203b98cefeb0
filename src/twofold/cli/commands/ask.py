"""``twofold ask``: one query, answered from read models that stand at the head if they can."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from twofold.cli import arguments, parameters
from twofold.cli.answers import write_answer
from twofold.cli.loading import app_for
from twofold.cli.options import Settings, common, settings_of
from twofold.cli.output import note, write_json
from twofold.cli.waiting import patience
from twofold.errors import BehindError
from twofold.messages.message import Query

if TYPE_CHECKING:
    from twofold.app import App

HELP = """Ask a query and print its answer.

With --after the answer is never from before that receipt, with --consistent never from before now. Otherwise it is as
new as the read models can be made within --wait, and a note says how far they are behind.

"""


@common
@click.command("ask", short_help="Ask a query.", help=HELP + arguments.HELP)
@click.argument("name", metavar="QUERY")
@click.argument("words", metavar="['JSON' | FIELD=VALUE ...]", nargs=-1)
@click.option("--data", metavar="@FILE", help="The fields as JSON, from a file.")
@click.option("--after", metavar="TOKEN", help="The token of a receipt whose effect the answer must include.")
@click.option("--consistent", is_flag=True, help="Include everything that has been appended, or fail.")
@click.option(
    "--wait", "wait_seconds", type=parameters.seconds, default="5", show_default=True, help="For how long, in seconds."
)
@settings_of
def command(
    settings: Settings,
    name: str,
    words: tuple[str, ...],
    data: str | None,
    after: str | None,
    consistent: bool,
    wait_seconds: float,
) -> None:
    # Whether or not another process runs the read models, this one brings them forward while it waits.
    app = app_for(settings).at(background=True)
    query = app.registry.query(name, arguments.body(words, data, arguments.fields_of(name, app.registry.queries)))

    async def ask() -> object:
        async with app:
            with patience("waiting for the read models"):
                if after is not None or consistent:
                    return await app.ask(query, after=after, consistent=consistent, wait_seconds=wait_seconds)
                return await newest(app, query, wait_seconds, as_json=settings.json)

    answer = asyncio.run(ask())
    if settings.json:
        write_json(answer)
    else:
        write_answer(answer)


async def newest(app: App, query: Query[Any], wait_seconds: float, *, as_json: bool) -> object:
    """The answer from the head of the log, or an older one with a note that says so."""
    try:
        return await app.ask(query, consistent=True, wait_seconds=wait_seconds)
    except BehindError as error:
        note(f"An older answer: {error.fact}.", as_json=as_json)
        return await app.ask(query)
