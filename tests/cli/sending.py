"""The app of a working directory without its command line: for what only has to be there before a test begins."""

from __future__ import annotations

import asyncio

from tests.cli.bank import app
from tests.cli.terminal import Terminal
from twofold import App, Command


def app_of(terminal: Terminal) -> App:
    """The bank over the store that calls of this terminal use; it runs nothing."""
    store = terminal.arguments[1] if terminal.arguments else f"sqlite:///{terminal.folder}/bank.db"
    return app.at(store, background=False)


def send_all(terminal: Terminal, *commands: Command) -> None:
    """Send one after the other: what ``twofold send`` does, without opening the app each time."""

    async def send() -> None:
        async with app_of(terminal) as opened:
            for command in commands:
                await opened.send(command)

    asyncio.run(send())
