"""What the demos show on a terminal: a live view beside the work, and tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TypeAlias

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from twofold import App
from twofold.examples.sending import Sending
from twofold.subscriptions.status import SubscriptionStatus

FRAMES_PER_SECOND = 8

Numbers: TypeAlias = Callable[[], Text]
"""The line that says how far it is."""


@asynccontextmanager
async def watched(app: App, progress: Sending, numbers: Numbers, console: Console | None) -> AsyncGenerator[None]:
    """A live view beside whatever happens inside, where there is a console to show it on."""
    if console is None:
        yield
        return
    with Live(console=console, auto_refresh=False) as live:
        painting = asyncio.create_task(_paint(live, app, progress, numbers))
        try:
            yield
        finally:
            painting.cancel()
        live.update(_frame(progress, numbers, await app.status()), refresh=True)
    if not console.is_terminal:
        console.print()  # There the last frame does not end its line.


async def _paint(live: Live, app: App, progress: Sending, numbers: Numbers) -> None:
    while True:
        live.update(_frame(progress, numbers, await app.status()), refresh=True)
        await asyncio.sleep(1 / FRAMES_PER_SECOND)


def _frame(progress: Sending, numbers: Numbers, read_models: Sequence[SubscriptionStatus]) -> RenderableType:
    return Group(numbers(), _bar(progress), _lags(read_models))


def _bar(progress: Sending) -> Table:
    row = Table.grid(expand=True)  # The bar alone would not end its line.
    row.add_row(ProgressBar(total=max(progress.wishes, 1), completed=progress.done))
    return row


def _lags(read_models: Sequence[SubscriptionStatus]) -> Table:
    lags = Table("read model", "state", box=None, pad_edge=False)
    for name in ("position", "lag", "events/s"):
        lags.add_column(name, justify="right", min_width=9)
    for each in read_models:
        lags.add_row(each.name, each.state, f"{each.position:,}", f"{each.lag:,}", f"{each.rate:,.0f}")
    return lags


def pace(progress: Sending) -> str:
    """How fast the commands go in."""
    return (
        f"{progress.done:,} of {progress.wishes:,} commands · {progress.per_second:,.0f} commands/s · "
        f"p50 {progress.latency_ms(0.5, of_last=2000):.1f} ms · p99 {progress.latency_ms(0.99, of_last=2000):.1f} ms"
    )


def table(title: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    """An empty table, texts to the left and numbers to the right."""
    empty = Table(*texts, title=title, title_justify="left")
    for name in numbers:
        empty.add_column(name, justify="right")
    return empty


def money(amount: Decimal) -> str:
    """Two places, and more where there are more."""
    return f"{amount.normalize():,f}" if amount % Decimal("0.01") else f"{amount:,.2f}"
