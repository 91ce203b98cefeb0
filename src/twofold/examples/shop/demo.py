"""``twofold demo shop``: real orders go in under your eyes, then the shop answers questions about them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from twofold import App, Rejected
from twofold.examples.screen import watched
from twofold.examples.shop.app import shop
from twofold.examples.shop.commands import CancelOrder, PayOrder, ShipOrder
from twofold.examples.shop.importer import Import, import_file
from twofold.examples.shop.outcome import Outcome, outcome_of
from twofold.examples.shop.questions import GetOrder
from twofold.examples.shop.retail_file import SLICE
from twofold.examples.shop.view import answers_of, numbers_of, verdict_of

LEVEL_SECONDS_MAX = 600.0
ORDER_ID = "536365"
"""The first order of the file, at which the demo looks closely."""


async def demo(store_url: str | None, full: Path | None, console: Console | None) -> Outcome:
    """Import December 2010, or the whole file at ``full``, and answer; where there is a console, show it there.

    Without a store URL it works in a temporary SQLite file that is removed in the end, also after Ctrl-C.
    """
    with TemporaryDirectory(prefix="twofold-demo-") as folder:
        async with shop(store_url or f"sqlite:///{folder}/shop.db") as app:
            done = await _import(app, full or SLICE, console)
            told = await _live_an_order(app, done, ORDER_ID)
            outcome = await outcome_of(app, done, ORDER_ID)
    if console is not None:
        _show(console, outcome, told)
    return outcome


async def _import(app: App, path: Path, console: Console | None) -> Import:
    progress = Import()
    async with watched(app, progress, partial(numbers_of, progress), console):
        await import_file(app, path, progress)
        await app.settle(timeout_seconds=LEVEL_SECONDS_MAX)
    return progress


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
