"""``twofold demo``: real orders go in under your eyes, then the shop answers questions about them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.live import Live

from twofold import App, Rejected
from twofold.examples.shop.app import shop
from twofold.examples.shop.commands import CancelOrder, PayOrder, ShipOrder
from twofold.examples.shop.importer import Import, import_file
from twofold.examples.shop.outcome import Outcome, outcome_of
from twofold.examples.shop.questions import GetOrder
from twofold.examples.shop.retail_file import SLICE
from twofold.examples.shop.view import answers_of, verdict_of, while_importing

FRAMES_PER_SECOND = 8
LEVEL_SECONDS_MAX = 600.0
ORDER_ID = "536365"
"""The first order of the file, at which the demo looks closely."""


async def demo(store_url: str | None, full: Path | None, console: Console, json: bool) -> bool:
    """Import December 2010, or the whole file at ``full``, and show the answers; whether they agree with the file.

    Without a store URL it works in a temporary SQLite file that is removed in the end, also after Ctrl-C. With
    ``json`` the answers go to stdout as one document, and nothing else does.
    """
    with TemporaryDirectory(prefix="twofold-demo-") as folder:
        async with shop(store_url or f"sqlite:///{folder}/shop.db") as app:
            done = await _import(app, full or SLICE, None if json else console)
            told = await _live_an_order(app, done, ORDER_ID)
            outcome = await outcome_of(app, done, ORDER_ID)
    if json:
        sys.stdout.write(outcome.document() + "\n")
    else:
        _show(console, outcome, told)
    return outcome.agrees


async def _import(app: App, path: Path, console: Console | None) -> Import:
    progress = Import()
    async with _watched(app, progress, console):
        await import_file(app, path, progress)
        await app.settle(timeout_seconds=LEVEL_SECONDS_MAX)
    return progress


@asynccontextmanager
async def _watched(app: App, progress: Import, console: Console | None) -> AsyncGenerator[None]:
    """A live view beside whatever happens inside, where there is a console to show it on."""
    if console is None:
        yield
        return
    with Live(console=console, auto_refresh=False) as live:
        painting = asyncio.create_task(_paint(live, app, progress))
        try:
            yield
        finally:
            painting.cancel()
        live.update(while_importing(progress, await app.status()), refresh=True)


async def _paint(live: Live, app: App, progress: Import) -> None:
    while True:
        live.update(while_importing(progress, await app.status()), refresh=True)
        await asyncio.sleep(1 / FRAMES_PER_SECOND)


async def _live_an_order(app: App, done: Import, order_id: str) -> list[str]:
    """What the file does not tell: an order is paid and shipped, and then it is too late to cancel it.

    The command ids are fixed, so that a second demo on the same store changes nothing.
    """
    order = await app.ask(GetOrder(order_id=order_id), after=done.token)
    if order is None:
        return []
    later = order.placed_at + timedelta(days=1)
    await app.send(PayOrder(order_id=order_id, amount=order.total, paid_at=later), command_id=f"demo:pay:{order_id}")
    shipped = await app.send(ShipOrder(order_id=order_id, shipped_at=later), command_id=f"demo:ship:{order_id}")
    done.take(shipped)
    try:
        await app.send(CancelOrder(order_id=order_id, cancelled_at=later))
    except Rejected as no:
        return [f"PayOrder, ShipOrder: order {order_id} is paid and shipped.", f"CancelOrder was rejected: {no}."]
    return [f"Order {order_id} was cancelled, although it was shipped at position {shipped.position}."]


def _show(console: Console, outcome: Outcome, told: list[str]) -> None:
    for table in answers_of(outcome):
        console.print(table)
    for line in told:
        console.print(line)
    for broken in outcome.broken:
        console.print(f"line {broken.number}: {broken.reason}", style="red")
    console.print(verdict_of(outcome))
